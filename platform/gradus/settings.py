"""All settings of the site. Environment variables set them; `docs/operations/settings.md` describes each variable."""

from pathlib import Path

import django_stubs_ext
import structlog
from csp.constants import NONCE, NONE, SELF
from servestatic.compress import Compressor

from challenges.kinds.base import Lane
from gradus.environment import Environment
from gradus.sign_in.configuration import read as read_providers

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parents[2]
env = Environment()
env.read_env(env.str("GRADUS_ENV_FILE", default=str(BASE_DIR / ".env")))
# `gradus course preview` sets it for its own process: then nothing is graded, and pages say so.
PREVIEW = False

DATA_DIR = Path(env.str("GRADUS_DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)
env.base_models()
PRODUCTION = env.flag("GRADUS_PRODUCTION")
DEBUG = env.flag("GRADUS_DEBUG")

SECRET_KEY = env.secret_key("GRADUS_SECRET_KEY", DATA_DIR / "secret-key", is_needed=PRODUCTION)
ALLOWED_HOSTS = env.list("GRADUS_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("GRADUS_ORIGINS")

INSTALLED_APPS = [
    "gradus.accounts.app_names.GradusAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "gradus.accounts.app_names.EmailAddressesConfig",
    "gradus.accounts.app_names.SecondFactorsConfig",
    "gradus.accounts.app_names.ProviderAccountsConfig",
    "csp",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "ninja",
    "gradus.accounts",
    "gradus.friends",
    "gradus.courses",
    "gradus.classes",
    "gradus.sign_in",
    "gradus.submissions",
    "gradus.fleet",
    "gradus.gradebook",
    "gradus.lti",
    "gradus.notices",
    "gradus.receipts",
    "gradus.chats",
    "gradus.reports",
    "gradus.reviews",
    "gradus.leaderboards",
    "gradus.laboratory",
    "gradus.questions",
    "gradus.preferences",
    "gradus.challenge_health",
    "gradus.learn",
    "gradus.teach",
    "gradus.studio",
    "gradus.reconciling",
    "gradus.operations",
    "workers",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "gradus.request_checks.keep_private",
    "gradus.request_checks.PageCompression",
    "csp.middleware.CSPMiddleware",
    "gradus.request_checks.check_request",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gradus.accounts.request_log.RequestLog",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "gradus.request_checks.refuse_parts_signed_out",
    "gradus.accounts.staff_actions.remember_request",
    "gradus.classes.visibility.ShowWhatMayBeOpened",
    "gradus.accounts.second_factor.AskForSecondFactor",
    "gradus.teach.viewing.ShowAsLearner",
    "gradus.courses.preview.ShowDraft",
    "gradus.learn.access.SayWhenItOpens",
    "gradus.request_checks.explain_wrong_method",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "gradus.urls"
# How many requests one web process works on at the same time. Each thread keeps a database connection.
WEB_THREADS = env.whole("GRADUS_WEB_THREADS", default=4)
ASGI_APPLICATION = "gradus.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "gradus.accounts.guests.context",
                "gradus.courses.preview.context",
                "gradus.teach.viewing.context",
                "gradus.own_data.deletion.context",
                "gradus.accounts.allauth_adapter.context",
            ],
        },
    },
]

# --- data -------------------------------------------------------------------------------------------------------

LEASE_SECONDS = env.whole("GRADUS_LEASE_SECONDS", default=60)
DATABASES = {"default": env.database("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'gradus.sqlite3'}")}
SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if SQLITE:
    # Tests use a file, as in production: Django's shared in-memory database for tests locks whole tables.
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
    DATABASES["default"]["OPTIONS"] = {
        # A deferred transaction that begins to write fails at once with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    # Without this limit, a process that hangs inside a transaction would keep its rows locked while it hangs.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault(
        "options", f"-c idle_in_transaction_session_timeout={1000 * max(10, LEASE_SECONDS)}"
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ATOMIC_REQUESTS = False

BUCKET = env.str("GRADUS_S3_BUCKET", default="")


def storage(name: str) -> dict[str, object]:
    """Returns a store that has no public address: a folder, or a prefix in an S3-compatible bucket."""
    if BUCKET:
        options = {"bucket_name": BUCKET, "location": name, "default_acl": "private", "querystring_auth": True}
        # Without it boto3 signs addresses in the old way, which newer servers refuse.
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**options, "signature_version": "s3v4"}}
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / name, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    }


STORAGES = {
    "default": storage("media"),
    "private": storage("private"),
    "artifacts": storage("artifacts"),
    # With DEBUG, file names carry no digest, so that a changed file shows at once.
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "gradus.static_files.Storage"
    },
}
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
SERVESTATIC_KEEP_ONLY_HASHED_FILES = True
# Files that are not compressed: the formats that are compressed already, and source maps, which only debuggers read.
SERVESTATIC_SKIP_COMPRESS_EXTENSIONS = ("map", *Compressor.SKIP_COMPRESS_EXTENSIONS)

# --- jobs -------------------------------------------------------------------------------------------------------

REDIS_URL = env.address("REDIS_URL", ("redis", "rediss", "unix", "redis+socket"))
LANES = tuple(lane.value for lane in Lane)
HEARTBEAT_SECONDS = env.whole("GRADUS_HEARTBEAT_SECONDS", default=10)
# The runners read these six themselves, because they do not use Django. They are checked here so that a wrong value
# stops the site at its start.
env.device("GRADUS_DEVICE", "CUDA_VISIBLE_DEVICES")
env.one_of("GRADUS_ENGINE", ("", "plain"), default="")
TRAINING_DTYPE = env.one_of("GRADUS_TRAINING_DTYPE", ("float32", "bfloat16"), default="float32")
env.gone("GRADUS_DTYPE", "GRADUS_TRAINING_DTYPE")
KEEP_CHECKPOINTS = env.bool("GRADUS_KEEP_CHECKPOINTS", default=False)
TRAINER = env.one_of("GRADUS_TRAINER", ("auto", "own", "trl"), default="auto")
env.whole("GRADUS_RUNNER_MEMORY", default=16, least=2)
env.whole("GRADUS_GPU_MEMORY", default=0, least=0)
# Challenges read these three themselves, which is why only their form is checked here.
env.whole("GRADUS_TRAINING_ROWS", default=2000)
env.whole("GRADUS_TRAINING_STEPS", default=500)
env.whole("GRADUS_TRAINING_SECONDS", default=600)
env.whole("GRADUS_THREADS", default=0, least=0)
# How many submissions a visitor without an account may make in all.
GUEST_SUBMISSIONS = env.whole("GRADUS_GUEST_SUBMISSIONS", default=3)
# After how many days without a visit such a visitor is deleted, with all that they did.
GUEST_DAYS = env.whole("GRADUS_GUEST_DAYS", default=60)
# How many messages a learner may send each day to models that were trained; 0 switches chats off.
CHAT_MESSAGES = env.whole("GRADUS_CHAT_MESSAGES", default=40, least=0)
# How many attempts at one challenge are graded in a day for all visitors of one network (/24, or /64 of IPv6) together.
# Without it, one person could learn more of the hidden rows with every new account.
NETWORK_ATTEMPTS = env.whole("GRADUS_NETWORK_ATTEMPTS", default=20)
# How many submissions of one learner may wait or be graded at the same time.
IN_FLIGHT = env.whole("GRADUS_IN_FLIGHT", default=2)

# How many measurements of what a request costs one learner may start in a day.
MEASUREMENTS = env.whole("GRADUS_MEASUREMENTS", default=10)
# The prices of the page about costs until a learner types others: an amount per million tokens, and per hour of
# training.
PRICES = {
    "input": env.amount("GRADUS_PRICE_INPUT"),
    "cached": env.amount("GRADUS_PRICE_CACHED"),
    "output": env.amount("GRADUS_PRICE_OUTPUT"),
    "training": env.amount("GRADUS_PRICE_TRAINING"),
}
CURRENCY = env.str("GRADUS_CURRENCY", default="USD")

# --- the judge (workers only) -----------------------------------------------------------------------------------

JUDGE_MODEL = env.str("GRADUS_JUDGE_MODEL", default="")
# How many tokens the judge may use each day: for one learner, for one question, and for the whole site. When a budget
# is used up, further grades are provisional.
JUDGE_TOKENS = {
    "user": env.whole("GRADUS_JUDGE_TOKENS_USER", default=300_000, least=0),
    "challenge": env.whole("GRADUS_JUDGE_TOKENS_CHALLENGE", default=3_000_000, least=0),
    "site": env.whole("GRADUS_JUDGE_TOKENS_SITE", default=10_000_000, least=0),
}
# How much money the judge may spend each day, in millionths of the unit of GRADUS_JUDGE_CURRENCY. None means that
# there is no limit on money, only the one on tokens.
JUDGE_MONEY = {
    scope: None if limit is None else round(limit * 1_000_000)
    for scope, limit in (
        ("user", env.amount("GRADUS_JUDGE_MONEY_USER")),
        ("challenge", env.amount("GRADUS_JUDGE_MONEY_CHALLENGE")),
        ("site", env.amount("GRADUS_JUDGE_MONEY_SITE")),
    )
}
# An appeal goes first to a second grader: this model, this judge template, or both, at the judge's endpoint. If
# neither is set, an appeal goes directly to a person.
APPEAL_MODEL = env.str("GRADUS_APPEAL_MODEL", default="")
APPEAL_TEMPLATE = env.str("GRADUS_APPEAL_TEMPLATE", default="")
# The share of final free-text grades that a person marks without seeing the judge's marks. The second share applies
# while a question, or its judge, is new.
AUDIT_SHARE = env.share("GRADUS_AUDIT_SHARE", default=0.05)
AUDIT_SHARE_NEW = env.share("GRADUS_AUDIT_SHARE_NEW", default=0.20)

# --- accounts ---------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
ACCOUNT_ADAPTER = "gradus.accounts.allauth_adapter.AccountAdapter"
ACCOUNT_USER_DISPLAY = "gradus.accounts.allauth_adapter.shown_name"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = env.one_of(
    "GRADUS_EMAIL_VERIFICATION", ("mandatory", "optional", "none"), default="optional"
)
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
# How many proxies stand in front of the web server. Each appends one address to X-Forwarded-For; rate limits use the
# first address that a trusted proxy appended. Everything before it is written by the visitor and may be false.
ALLAUTH_TRUSTED_PROXY_COUNT = env.whole("GRADUS_PROXIES", default=1 if PRODUCTION else 0, least=0)
# These come on top of allauth's own limits. Wrong codes of a second factor count as `login_failed`. Wrong passwords
# count as `password_failed` for one account from one address, so that who knows it waits a few minutes at most, as
# `password_failed_address` for all accounts, and as `password_failed_account` for the account from any address. In a
# browser in which the account has signed in before, only `password_failed` counts, and for that browser alone.
# `accounts/rate_limits.py` counts sign-ups as `new_account` and new visitors as `guest`, because allauth's own limit
# on `signup` cannot be lifted for a classroom; and downloads of one's own data as `my_data`. `api/uploads.py`
# counts the drafts that a person pushes, each of which stores an archive, as `draft`. Wrong codes of classes count as
# `join_code`.
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,5/5m/key,20/h/key",
    "password_failed": "5/5m/key",
    "password_failed_address": "30/m/ip",
    "password_failed_account": "100/h/key",
    "signup": None,
    "new_account": "20/m/ip,30/h/ip",
    "guest": "30/m/ip,300/h/ip",
    "my_data": "10/h/user",
    "friend": "60/h/user",
    "draft": "60/h/key",
    "join_code": "30/m/ip,300/h/ip",
}
ACCOUNT_FORMS = {
    "add_email": "gradus.accounts.forms.AddEmailForm",
    "signup": "gradus.accounts.forms.SignupForm",
    "change_password": "gradus.accounts.forms.ChangePasswordForm",
    "reset_password_from_key": "gradus.accounts.forms.ResetPasswordKeyForm",
}
# Whether a person may sign in with a code that comes by mail, in place of the password.
ACCOUNT_LOGIN_BY_CODE_ENABLED = env.flag("GRADUS_MAIL_CODES")
# Schools and others whose accounts people sign in with. An account is never found by its address alone, and it is
# connected to one at a provider only by its owner, who has typed the password a moment ago.
SIGN_IN_PROVIDERS = read_providers(env.str("GRADUS_OIDC", default=""))
SOCIALACCOUNT_ADAPTER = "gradus.sign_in.adapter.SocialAccountAdapter"
SOCIALACCOUNT_FORMS = {"signup": "gradus.sign_in.forms.SignupForm"}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True
SOCIALACCOUNT_STORE_TOKENS = False
# Whether the pages of staff and teachers need a second factor, a day after somebody first opens one.
SECOND_FACTOR = env.flag("GRADUS_SECOND_FACTOR", default=PRODUCTION)
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
EMAIL_CONFIG = env.mail("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
# Seconds after which a mail server that does not answer is given up. The reconciler sends mails, and must not hang.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("GRADUS_FROM_EMAIL", default="Gradus <gradus@localhost>")

CACHES = {
    "default": {
        "BACKEND": "gradus.redis_cache.Cache",
        # Celery and Django's cache write the address of a unix socket differently.
        "LOCATION": REDIS_URL.replace("redis+socket://", "unix://"),
        # A page waits for a server that does not answer at most this long, and not again for some seconds.
        "OPTIONS": {
            "pool_class": "gradus.redis_cache.SharedPool",
            "socket_connect_timeout": 1,
            "socket_timeout": 2,
        },
    }
    if REDIS_URL.startswith("redis")
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# Hosts of learning platforms in a private network, which this site may ask although they are there.
LTI_PRIVATE_HOSTS = env.list("GRADUS_LTI_PRIVATE_HOSTS", default=[])

# --- security ---------------------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
# The largest submission is 2 MiB of JSON Lines, in a form with other fields.
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

# The bearer token that Prometheus has to send. If it is not set, only programs on this machine can read /metrics.
METRICS_TOKEN = env.str("GRADUS_METRICS_TOKEN", default="")

# --- language, logs ---------------------------------------------------------------------------------------------

TIME_ZONE = "UTC"
USE_TZ = True
# Each language but English has a file with the texts of scripts here. `manage.py language` makes it from `locale/`.
TRANSLATED = tuple(sorted(file.stem for file in (BASE_DIR / "static" / "languages").glob("*.js")))
LANGUAGES = [(code, code) for code in env.languages("GRADUS_LANGUAGES", known=("en", *TRANSLATED))]
LANGUAGE_CODE = LANGUAGES[0][0]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "gradus.formats"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = PRODUCTION
# With one language, a page depends neither on the visitor's cookie nor on the browser's languages.
if len(LANGUAGES) > 1:
    MIDDLEWARE.insert(
        1 + MIDDLEWARE.index("django.contrib.sessions.middleware.SessionMiddleware"),
        "django.middleware.locale.LocaleMiddleware",
    )

LOG_LEVEL = env.one_of("GRADUS_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
# Log lines about single requests and jobs are written in production, or when GRADUS_LOG_LEVEL asks for them; after
# `make up` on a laptop they would only hide what matters. The level of `workers` is set by name, because Celery sets
# the level of the root logger itself.
EVENTS_LEVEL = LOG_LEVEL if PRODUCTION or env.str("GRADUS_LOG_LEVEL", default="") else "WARNING"
shared_processors: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso"),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": shared_processors,
        },
        "console": {
            "()": structlog.stdlib.ProcessorFormatter,
            # The default formatter would print local variables, among them hidden samples and passwords.
            "processor": structlog.dev.ConsoleRenderer(
                colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            ),
            "foreign_pre_chain": shared_processors,
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json" if PRODUCTION else "console"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        **{name: {"level": EVENTS_LEVEL} for name in ("django_structlog", "workers")},
        # It writes down whole addresses, and one that is signed opens a file to whoever reads it.
        "httpx": {"level": "WARNING"},
        # It warns of a message that comes while a program stops. The message goes back to its queue: nothing to do.
        "kombu.transport.virtual.base": {"level": "ERROR"},
    },
}
structlog.configure(
    processors=[
        *shared_processors,
        structlog.stdlib.filter_by_level,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
