//! The files that load, and the mistakes made in them one by one.

/// The smallest useful file.
pub const MINIMAL: &str = r#"cron     = "0 9 * * *"
timezone = "America/New_York"

[source.csv]
path = "../examples/clinic/appointments.csv"

[appointment]
id        = "id"
phone     = "phone"
starts_at = "starts_at"

[remind]
days_before = 1

[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }

[payload]
contact_phone    = "{{ phone }}"
appointment_time = "{{ starts_at }}"
service_name     = "{{ service }}"
"#;

/// A file with every key that is built.
pub const ALL_KEYS: &str = r#"cron = "*/15 8-20 * * MON-FRI"
timezone = "Europe/Berlin"
enabled = false
description = "Calls before the visit"
language = "de"

[source.http]
url = "https://crm.example.com/api?from={{ from | utc }}&until={{ until }}&day={{ day }}"
format = "json"
items = "/data/rows"
headers = { Accept = "application/json", "X-Key" = { env = "CRM_KEY" } }
timeout = "20s"
max_bytes = "8MiB"
auth.basic = { user = "reader", password = { credential = "crm" } }
paging.page = { parameter = "page", start = 0, size = 100 }
items_optional = true
allow_redirect_to = ["*.example.net"]
deadline = "2m"
max_rows = 5000

[appointment]
id = ["clinic", "id"]
phone = ["mobile", "customer.phone"]
default_region = "DE"
starts_at = { date = "Appt Date", time = "Appt Time" }
date_format = ["%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M"]
timezone = "zone"
recipient_timezone = "their_zone"
status = "status"
person = "patient"
language = "lang"
do_not_call = "dnc"
consent = "consent"

[remind]
hours_before = [24, 2]
statuses = ["confirmed", "booked"]
only_if = "service != 'Walk-in'"
allowed_countries = ["DE", "AT"]
do_not_call = "never.txt"
calling_hours = "always"
min_notice = "90m"
max_lateness = "2h"
max_per_person_per_day = 2

[target.webhook]
url = "https://hooks.example.com/call"
method = "PUT"
headers = { Authorization = { file = "token" } }
secret = { env = "SIGNING" }
accept_status = [200, 202]
error_pointer = "/error"
id_pointer = "/data/id"
account = "voice"

[payload]
phone = "{{ phone }}"
nested = { list = ["{{ date }}", 1, true], when = "{{ weekday }} at {{ time }}" }

[delivery]
timeout = "10s"
max_in_flight = 2
attempts = 3
on_uncertain = "resend"

[guard]
max_calls = 50
"#;

/// Every mistake alone: the line it replaces, the line instead, and code, line and columns of the one problem.
#[rustfmt::skip]
pub const MISTAKES: &[(&str, &str, &str, usize, usize, usize)] = &[
    ("timezone =", "timezon =", "unknown-key", 2, 1, 8),
    ("days_before = 1", "days_befor = 1", "unknown-key", 13, 1, 11),
    ("[payload]", "[payloads]", "unknown-key", 18, 2, 10),
    ("cron     = \"0 9 * * *\"\n", "", "missing-key", 1, 1, 30),
    ("phone     = \"phone\"\n", "", "missing-key", 7, 1, 14),
    ("days_before = 1\n", "", "missing-key", 12, 1, 9),
    ("url = { env = \"THOUGHTLY_AUTOMATION_URL\" }", "", "missing-key", 15, 1, 20),
    ("\"0 9 * * *\"", "9", "wrong-type", 1, 12, 13),
    ("days_before = 1", "days_before = \"1\"", "wrong-type", 13, 15, 18),
    ("id        = \"id\"", "id        = [1]", "wrong-type", 8, 14, 15),
    ("[remind]", "enabled = \"yes\"\n[remind]", "unknown-key", 12, 1, 8),
    ("days_before = 1", "days_before = -1", "invalid-value", 13, 15, 17),
    ("days_before = 1", "days_before = 1\nhours_before = 24", "conflicting-keys", 14, 1, 13),
    ("days_before = 1", "hours_before = [24, 1]", "invalid-value", 13, 21, 22),
    ("days_before = 1", "days_before = [1, 1]", "invalid-value", 13, 19, 20),
    ("days_before = 1", "days_before = 1\nmin_notice = \"1 hour\"", "invalid-value", 14, 14, 22),
    ("days_before = 1", "days_before = 1\nmin_notice = \"50h\"", "invalid-value", 13, 15, 16),
    ("days_before = 1", "days_before = 1\ncalling_hours = \"21:00-08:00\"", "invalid-value", 14, 17, 30),
    ("days_before = 1", "days_before = 1\nallowed_countries = [\"US\", \"XX\"]", "invalid-value", 14, 28, 32),
    ("days_before = 1", "days_before = 1\nonly_if = \"service ==\"", "invalid-template", 14, 0, 0),
    ("starts_at = \"starts_at\"", "starts_at = \"starts_at\"\ndate_format = \"%Q\"", "invalid-value", 11, 15, 19),
    ("starts_at = \"starts_at\"", "starts_at = { date = \"d\" }", "missing-key", 10, 13, 27),
    ("\"America/New_York\"", "\"America/New_Yrok\"", "invalid-value", 2, 12, 30),
    ("\"America/New_York\"", "\"EST\"", "invalid-value", 2, 12, 17),
    ("\"0 9 * * *\"", "\"0 9 *\"", "invalid-value", 1, 12, 19),
    ("{ env = \"THOUGHTLY_AUTOMATION_URL\" }", "\"https://example.com/x\"", "wrong-type", 16, 7, 30),
    ("{ env = \"THOUGHTLY_AUTOMATION_URL\" }", "{ env = \"A\", file = \"b\" }", "conflicting-keys", 16, 7, 32),
    ("{ env = \"THOUGHTLY_AUTOMATION_URL\" }", "{ evn = \"A\" }", "unknown-key", 16, 9, 12),
    ("\"{{ phone }}\"", "\"Zoë {{ phone | nofilter }}\"", "invalid-template", 19, 0, 0),
    ("\"{{ phone }}\"", "2026-11-24", "invalid-value", 19, 20, 30),
    ("[source.csv]\npath = \"../examples/clinic/appointments.csv\"", "[source.http]\nurl = \"http://169.254.169.254/x\"", "refused-address", 5, 7, 33),
    ("[source.csv]\npath = \"../examples/clinic/appointments.csv\"", "[source.http]\nurl = \"http://a.example/?x={{ form }}\"", "unknown-name", 5, 31, 35),
    ("[source.csv]\n", "[source.csv]\nheader_row = 0\n", "invalid-value", 5, 14, 15),
    ("days_before = 1", "days_before = 1\nclosed_days = [\"sat\", \"blurday\"]", "invalid-value", 14, 23, 32),
    ("days_before = 1", "days_before = 1\nclosed_days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]", "invalid-value", 14, 15, 64),
    ("days_before = 1", "days_before = 1\nholidays = [\"2026-02-30\"]", "invalid-value", 14, 13, 25),
    ("days_before = 1", "days_before = 1\non_closed_day = \"next\"", "invalid-value", 14, 17, 23),
    ("[remind]", "[guard]\nmax_invalid = \"120%\"\n[remind]", "invalid-value", 13, 15, 21),
    ("[remind]", "[guard]\nmax_change = \"3\"\n[remind]", "invalid-value", 13, 14, 17),
    ("[remind]", "[guard]\nmax_change = 3\n[remind]", "wrong-type", 13, 14, 15),
    ("[remind]", "[guard]\nmax_age = \"0s\"\n[remind]", "invalid-value", 13, 11, 15),
    ("\"0 9 * * *\"", "\"0 9 * * *", "syntax", 1, 0, 0),
];
