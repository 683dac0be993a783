//! pure: the form with which people sign in.

use askama::Template;

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What its form carries.
    pub form_token: String,
    /// Where one wanted to go.
    pub next: String,
    /// Why it didn't work.
    pub fault: Option<String>,
}
