"""The admin is a support console: it looks at states and mirrors, it does not write them."""

from django.contrib import admin


class ReadOnly:
    """A model (or an inline) that the admin shows and never changes."""

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin):
    """A page of the console: everything to look at, nothing to press."""

    actions = None
    list_per_page = 50
    show_full_result_count = False
