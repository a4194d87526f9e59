"""No settings: gunicorn would otherwise read `gunicorn.conf.py` in the application's folder."""
