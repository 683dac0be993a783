//! pure: `[outcome.write_back]`: where outcomes are written.

use super::outcome::outcomes;
use super::section::{Section, optional};
use super::{Reading, http, templates};
use crate::schedule::spanned::Node;
use crate::schedule::{WriteBackAddress, WriteBackBody, WriteBackSpec, write_back_names};
use crate::settings::TextOrSecret;

pub fn read(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<WriteBackSpec> {
    let on = outcomes(section, "on");
    if let (Some([]), Some(node)) = (on.as_deref(), section.given("on")) {
        reading.invalid(node, "no outcome is written back", "name at least one, or remove `[outcome.write_back]`");
    }
    let url = address(section, reading);
    let headers = http::headers(section, reading);
    let auth = optional(section.given("auth"), |_| http::auth(&section.inner("auth"), reading));
    let body = optional(section.given("body"), |node| body(node, reading));
    Some(WriteBackSpec {
        on: on?,
        url: url?,
        method: section.text("method")?,
        headers: headers?,
        auth: auth.ok()?,
        secret: section.secret("secret", reading),
        body: body.ok()?,
    })
}

fn address(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<TextOrSecret> {
    let url = section.text_or_secret("url", reading)?;
    let (TextOrSecret::Text(text), Some(node)) = (&url, section.given("url")) else { return Some(url) };
    if let Err(problem) = WriteBackAddress::read(text) {
        templates::report(node, problem, reading);
        return None;
    }
    // no body is sent with its own
    let names: Vec<&str> = write_back_names().into_iter().filter(|name| *name != "payload").collect();
    templates::url(node, &names, reading);
    Some(url)
}

fn body(node: &Node, reading: &mut Reading<'_>) -> Option<WriteBackBody> {
    match templates::body(node, &write_back_names(), reading)? {
        crate::schedule::ReadBody::Text(template) => Some(WriteBackBody::Text(template)),
        crate::schedule::ReadBody::Tree(tree) => Some(WriteBackBody::Tree(tree)),
    }
}
