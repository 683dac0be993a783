//! pure: the page that says that something can't be shown or done.

use askama::Template;

use super::frame::MENU;

/// The page.
#[derive(Template)]
#[template(path = "failure.html")]
pub struct FailurePage {
    /// What failed, in a few words.
    pub title: String,
    /// Why, and the remedy.
    pub sentence: String,
    /// The way back.
    pub back: String,
}
