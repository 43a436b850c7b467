"""Settings of gunicorn, which reads this file from the folder that it starts in."""

# The path without its query, and no referrer, which has one.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(M)sms'
