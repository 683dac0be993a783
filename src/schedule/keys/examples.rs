//! pure: one written value for each key of a schedule file that has no default, for the reference.

use super::{Key, Need, Shape};

/// Values as they are written in TOML, by the key's path.
const EXAMPLES: &[(&str, &str)] = &[
    ("cron", "\"0 9 * * *\""),
    ("timezone", "\"America/New_York\""),
    ("heartbeat", "{ env = \"HEARTBEAT_URL\" }"),
    ("source.csv.path", "\"../appointments.csv\""),
    ("source.xlsx.path", "\"../appointments-*.xlsx\""),
    ("source.xlsx.sheet", "\"Bookings\""),
    ("source.ical.path", "\"../calendars/*.ics\""),
    ("source.sqlite.path", "\"../appointments.db\""),
    ("source.sqlite.query", "\"select * from appointment where starts_at >= :from and starts_at < :until\""),
    ("source.http.url", "\"https://crm.example.org/appointments?from={{ from }}&until={{ until }}\""),
    ("source.http.headers", "{ \"X-Api-Key\" = { env = \"CRM_KEY\" } }"),
    ("source.http.body", "{ from = \"{{ from }}\", until = \"{{ until }}\" }"),
    ("source.http.each", "\"/slots\""),
    ("join", "{ patient = { url = \"/patients/{{ patient_id }}\" } }"),
    ("columns", "{ phone = \"{{ description | find('[+][0-9 ()-]{8,}') }}\" }"),
    ("source.http.allow_redirect_to", "[\"*.googleusercontent.com\"]"),
    ("source.http.auth.bearer", "{ env = \"CRM_TOKEN\" }"),
    ("source.http.auth.basic.user", "\"reader\""),
    ("source.http.auth.basic.password", "{ credential = \"crm-password\" }"),
    ("source.http.auth.oauth2.token_url", "\"https://login.example.org/oauth/token\""),
    ("source.http.auth.oauth2.client_id", "\"tickler\""),
    ("source.http.auth.oauth2.client_secret", "{ env = \"CRM_CLIENT_SECRET\" }"),
    ("source.http.auth.oauth2.private_key", "{ file = \"crm-key.pem\" }"),
    ("source.http.auth.oauth2.scope", "\"appointments.read\""),
    ("source.http.auth.oauth2.refresh_token", "{ file = \"crm-refresh-token\" }"),
    ("source.http.paging.page.parameter", "\"page\""),
    ("source.http.paging.page.size", "100"),
    ("source.http.paging.offset.parameter", "\"skip\""),
    ("source.http.paging.offset.size", "100"),
    ("source.http.paging.cursor.parameter", "\"after\""),
    ("source.http.paging.cursor.at", "\"/next_cursor\""),
    ("source.http.paging.next.at", "\"/links/next\""),
    ("source.http.paging.link_header", "true"),
    ("appointment.id", "\"id\""),
    ("appointment.phone", "[\"mobile\", \"phone\"]"),
    ("appointment.default_region", "\"US\""),
    ("appointment.starts_at", "{ date = \"day\", time = \"time\" }"),
    ("appointment.date_format", "[\"%d/%m/%Y %H:%M\", \"%d/%m/%Y %I:%M %p\"]"),
    ("appointment.timezone", "\"zone\""),
    ("appointment.source_timezone", "\"UTC\""),
    ("appointment.recipient_timezone", "\"patient_zone\""),
    ("appointment.status", "\"status\""),
    ("appointment.label", "\"{{ name }}\""),
    ("appointment.person", "\"patient_id\""),
    ("appointment.language", "\"language\""),
    ("appointment.do_not_call", "\"do_not_call\""),
    ("appointment.recurrence", "\"rrule\""),
    ("appointment.recurrence_exceptions", "\"exdates\""),
    ("appointment.consent", "\"may_call\""),
    ("remind.days_before", "[7, 1]"),
    ("remind.hours_before", "24"),
    ("remind.statuses", "[\"booked\", \"confirmed\"]"),
    ("remind.only_if", "'service != \"Walk-in\"'"),
    ("remind.allowed_countries", "[\"US\", \"CA\"]"),
    ("remind.closed_days", "[\"sat\", \"sun\"]"),
    ("remind.holidays", "[\"2026-12-25\", \"../holidays.ics\"]"),
    ("remind.merge", "\"same_day\""),
    ("remind.do_not_call", "\"../do-not-call.txt\""),
    ("guard.max_age", "\"26h\""),
    ("target.automation.url", "{ env = \"THOUGHTLY_AUTOMATION_URL\" }"),
    ("target.automation.api_token", "{ env = \"THOUGHTLY_API_TOKEN\" }"),
    ("target.call.contact.name", "\"{{ name }}\""),
    ("target.call.contact.email", "\"{{ email }}\""),
    ("target.call.contact.tags", "[\"reminder\"]"),
    ("target.call.contact.attributes", "{ service = \"{{ service }}\" }"),
    ("target.webhook.url", "\"https://hooks.example.org/reminders\""),
    ("target.webhook.headers", "{ \"X-Key\" = { env = \"HOOK_KEY\" } }"),
    ("target.webhook.secret", "{ env = \"HOOK_SECRET\" }"),
    ("target.webhook.accept_status", "[200, 202]"),
    ("target.webhook.error_pointer", "\"/error\""),
    ("target.webhook.id_pointer", "\"/data/id\""),
    ("target.webhook.account", "\"hooks\""),
    ("payload", "{ contact_phone = \"{{ phone }}\", appointment_time = \"{{ starts_at }}\" }"),
];

impl Key {
    /// A value as it is written in TOML for the key at this path (`source.csv.path`): its default, or an example; `None`
    /// for a table of keys and for what isn't supported yet.
    #[must_use]
    pub fn example(&self, path: &str) -> Option<&'static str> {
        match (&self.shape, self.need) {
            (Shape::Table(_) | Shape::Unread, _) | (_, Need::Later) => None,
            (_, Need::Default(written)) => Some(written),
            (_, Need::Required | Need::Optional) => {
                EXAMPLES.iter().find(|(key, _)| *key == path).map(|(_, text)| *text)
            }
        }
    }
}
