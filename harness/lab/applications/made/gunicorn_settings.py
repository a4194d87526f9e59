"""No settings of gunicorn: it would otherwise read `gunicorn.conf.py` in the application's folder."""
