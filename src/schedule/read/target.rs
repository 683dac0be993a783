//! pure: `[target]`: the automation webhook, the call API, or any endpoint.

use super::Reading;
use super::section::{Section, items};
use super::{http, templates};
use crate::schedule::keys::{SCHEDULE, Shape};
use crate::schedule::spanned::Node;
use crate::schedule::{ContactTemplates, TargetSpec, WebhookSpec};
use crate::settings::TextOrSecret;
use crate::template::Template;

pub fn read(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<TargetSpec> {
    let Shape::Table(keys) = SCHEDULE.key("target")?.shape else { return None };
    let section = Section::of(node, keys);
    let automation = section.given("automation").map(|_| automation(&section.inner("automation"), reading));
    let call = section.given("call").map(|_| call(&section.inner("call"), reading));
    let webhook = section.given("webhook").map(|_| webhook(&section.inner("webhook"), reading));
    automation.or(call).or(webhook).flatten()
}

fn automation(section: &Section<'_>, reading: &Reading<'_>) -> Option<TargetSpec> {
    Some(TargetSpec::Automation {
        url: section.secret("url", reading)?,
        api_token: section.secret("api_token", reading),
        account: section.text("account")?,
    })
}

fn call(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<TargetSpec> {
    let contact = contact(&section.inner("contact"), reading);
    Some(TargetSpec::Call {
        agent: section.text_or_secret("agent", reading)?,
        contact: contact?,
        account: section.text("account")?,
    })
}

fn contact(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<ContactTemplates> {
    let mut is_whole = true;
    let mut one = |node: &Node, reading: &mut Reading<'_>| -> Option<Template> {
        let template = templates::template(node, reading);
        is_whole &= template.is_some();
        template
    };
    let name = section.given("name").and_then(|node| one(node, reading));
    let email = section.given("email").and_then(|node| one(node, reading));
    let tags = section.given("tags").map(items).unwrap_or_default();
    let tags: Vec<Template> = tags.into_iter().filter_map(|node| one(node, reading)).collect();
    let attributes = section.given("attributes").map(Node::entries).unwrap_or_default();
    let attributes =
        attributes.iter().filter_map(|entry| Some((entry.key.clone(), one(&entry.node, reading)?))).collect();
    is_whole.then_some(ContactTemplates { name, email, tags, attributes })
}

fn webhook(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<TargetSpec> {
    let url = section.text_or_secret("url", reading);
    let host = match (&url, section.given("url")) {
        (Some(TextOrSecret::Text(text)), Some(node)) => {
            templates::address(node, text, reading).and_then(|url| url.host_str().map(str::to_owned))
        }
        _ => Some("webhook".to_owned()),
    };
    let headers = http::headers(section, reading);
    let accept_status =
        if section.given("accept_status").is_some() { Some(section.wholes("accept_status")?) } else { None };
    Some(TargetSpec::Webhook(Box::new(WebhookSpec {
        url: url?,
        method: section.text("method")?,
        headers: headers?,
        secret: section.secret("secret", reading),
        accept_status,
        error_pointer: section.text("error_pointer"),
        id_pointer: section.text("id_pointer"),
        account: section.text("account").or(host)?,
    })))
}
