use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

struct Tree(Value);

impl Scope for Tree {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
    fn row(&self) -> Value {
        self.0.clone()
    }
}

fn scope() -> Tree {
    Tree(json!({
        "name": "Zoë", "minutes": 15, "text_minutes": "15", "price": 2.5, "empty": null, "vip": true, "Appt Date": "x",
        "tags": ["new", "vip"], "customer": {"first": "Ann", "last": null}, "starts_at": "2026-11-24T09:30:00-05:00",
    }))
}

fn render(text: &str) -> Result<Value, RenderError> {
    Template::compile(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}")).render(&scope())
}

fn holds(text: &str) -> Result<bool, RenderError> {
    Condition::compile(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}")).holds(&scope())
}

#[test]
fn a_lone_expression_keeps_its_type_and_any_other_text_is_text() {
    for (text, expected) in [
        ("{{ minutes }}", json!(15)),
        ("{{minutes}}", json!(15)),
        ("{{ price }}", json!(2.5)),
        ("{{ vip }}", json!(true)),
        ("{{ empty }}", json!(null)),
        ("{{ tags }}", json!(["new", "vip"])),
        ("{{ customer }}", json!({"first": "Ann", "last": null})),
        ("{{ customer.first }}", json!("Ann")),
        ("{{ customer.last }}", json!(null)),
        ("{{ row['Appt Date'] }}", json!("x")),
        ("{{ {'a': {'b': minutes}} }}", json!({"a": {"b": 15}})),
        ("{{ '}}' }}", json!("}}")),
        (" {{ minutes }}", json!(" 15")),
        ("Hello {{ name }}{{ empty }}!", json!("Hello Zoë!")),
        ("Hello {{ customer.last | default('you') }}!", json!("Hello you!")),
        ("{{ minutes }}/{{ price }}", json!("15/2.5")),
        ("", json!("")),
        ("plain", json!("plain")),
        ("{% if minutes > 10 %}long{% else %}short{% endif %}", json!("long")),
        ("{% for tag in tags %}{{ tag }},{% endfor %}{{ empty }}", json!("new,vip,")),
        ("{{- name -}}", json!("Zoë")),
    ] {
        assert_eq!(render(text), Ok(expected), "{text}");
    }
}

#[test]
fn filters_give_what_their_names_say() {
    for (text, expected) in [
        ("{{ name | upper }}", json!("ZOË")),
        ("{{ 'ann-marie o neil' | title }}", json!("Ann-Marie O Neil")),
        ("{{ ' a ' | trim }}", json!("a")),
        ("{{ empty | upper }}", json!(null)),
        ("{{ empty | default(5) }}", json!(5)),
        ("{{ 'a-b-c' | replace('-', '+') }}", json!("a+b+c")),
        ("{{ 'abcdef' | truncate(3) }}", json!("abc")),
        ("{{ text_minutes | int }}", json!(15)),
        ("{{ '2.9' | int }}", json!(2)),
        ("{{ text_minutes | float }}", json!(15.0)),
        ("{{ 2.456 | round(2) }}", json!(2.46)),
        ("{{ minutes | string }}", json!("15")),
        ("{{ name | length }}", json!(3)),
        ("{{ tags | join(', ') }}", json!("new, vip")),
        ("{{ tags | first }}", json!("new")),
        ("{{ tags | last }}", json!("vip")),
        ("{{ ('a b' | split) | last }}", json!("b")),
        ("{{ '+1 (202) 555' | digits }}", json!("1202555")),
        ("{{ starts_at | utc }}", json!("2026-11-24T14:30:00Z")),
        ("{{ starts_at | date('%A, %B %-d, %-I:%M %p') }}", json!("Tuesday, November 24, 9:30 AM")),
        ("{{ '2026-11-24' | date('%d.%m.%Y') }}", json!("24.11.2026")),
        ("{{ minutes * 2 + 1 }}", json!(31)),
        ("{{ name ~ '!' }}", json!("Zoë!")),
        ("{{ 'a' if minutes == 15 else 'b' }}", json!("a")),
        ("{{ row.nickname | default('') }}", json!("")),
    ] {
        assert_eq!(render(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_value_is_an_error_and_never_an_empty_place() {
    for text in [
        "{{ nobody }}",
        "Hello {{ nobody }}",
        "{{ nobody | default('x') }}",
        "{{ 'x' if vip else nobody }}",
        "{{ customer.nothing }}",
        "{{ customer.nothing.more }}",
        "{{ row.nothing }}",
        "{{ row['nothing'] | upper }}",
        "a{% if nobody %}b{% endif %}",
        "{{ name | int }}",
        "{{ name + 1 }}",
        "{{ name | utc }}",
        "{{ name | date('%Y') }}",
        "{{ '2026-11-24' | date('%Q') }}",
        "{{ '2026-11-24' | date('%') }}",
    ] {
        let error = render(text).expect_err(text);
        assert!(!error.0.contains("Zoë"), "{error}");
    }
}

#[test]
fn comparing_different_types_is_an_error_and_never_silently_false() {
    for (text, expected) in [
        ("minutes|int > 10", true),
        ("text_minutes|int > 10 and name != 'Walk-in'", true),
        ("minutes > 10 and minutes < 20", true),
        ("10 < minutes < 12", false),
        ("not (minutes > 10) or vip", true),
        ("name in ['Zoë', 'Bob']", true),
        ("name not in ['Zoë', 'Bob']", false),
        ("'vip' in tags and empty is none", true),
        ("empty != 'x' and empty == none", true),
        ("customer.first == 'Ann'", true),
        ("name is startingwith('Z') and name is not endingwith('x')", true),
        ("(minutes + 5) * 2 >= 40", true),
        ("price == 2.5", true),
        ("minutes == 15.0", true),
        ("(tags | length) == 2", true),
        ("vip", true),
        ("{'a': minutes > 3}['a']", true),
        ("'x' in empty", false),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
    for text in [
        "minutes > '10'",
        "text_minutes > 10",
        "minutes == '15'",
        "minutes != '15'",
        "not minutes == '15'",
        "minutes in ['15']",
        "empty > 3",
        "vip > 1",
        "tags < 3",
        "[minutes > '3'][0]",
        "minutes",
        "name",
        "empty",
        "nobody == 1",
        "row.nothing == 1",
        "true if minutes > '3' else false",
    ] {
        assert!(holds(text).is_err(), "{text}");
    }
    assert!(render("{% if minutes > '3' %}x{% endif %}").is_err());
    assert!(holds("minutes > '10'").is_err_and(|error| error.0.contains("|int")));
}

#[test]
fn what_is_not_offered_is_refused_with_its_place_and_the_likely_name() {
    for (text, part, help) in [
        ("Hello {{ name | uper }}", "uper", "upper"),
        ("{{ name is strin }}", "strin", "string"),
        ("{{ name is in ['Ann'] }}", "in", "leave out the `is`"),
        ("{{ name is not in ['Ann'] }}", "in", "leave out the `is`"),
        ("{{ name.upper() }}", "upper", "filters"),
        ("{{ range(9) }}", "range", "filters"),
        ("{{ __lt(1, 2) }}", "__lt", "filters"),
        ("x {{ name", "{{", "}}"),
        ("{% if name | uper %}{% endif %}", "uper", "upper"),
    ] {
        let problem = Template::compile(text).expect_err(text);
        let at = problem.at.clone().unwrap_or(0..0);
        assert_eq!(&text[at], part, "{text}: {problem:?}");
        assert!(problem.help.is_some_and(|it| it.contains(help)), "{text}");
    }
    for text in [
        "{{ }}",
        "{{ 1 + }}",
        "{{ name | }}",
        "{% if %}",
        "{{ name name }}",
        "{{ (name }}",
        "{{ name == }}",
        "{{ in tags }}",
    ] {
        assert!(Template::compile(text).is_err(), "{text}");
    }
    assert!(Condition::compile("{{ name }}").is_err());
}

#[test]
fn names_are_what_the_scope_is_asked_for() {
    let names = |text: &str| Template::compile(text).map(|it| it.names().into_iter().collect::<Vec<_>>().join(" "));
    assert_eq!(names("{{ customer.first }} {{ name | default(other) }}").as_deref(), Ok("customer name other"));
    assert_eq!(names("{{ row['x'] }}").as_deref(), Ok("row"));
    assert_eq!(names("{% for tag in tags %}{{ tag }}{{ loop.index }}{% endfor %}").as_deref(), Ok("tags"));
    let condition = Condition::compile("service != 'Walk-in' and minutes|int > 10").map(|it| it.names());
    assert_eq!(condition, Ok(BTreeSet::from(["service".into(), "minutes".into()])));
}

#[test]
fn no_template_makes_much_out_of_little() {
    for text in [
        "{{ ('a' * 100000) }}",
        "{% for a in tags %}{% for b in tags %}{{ 'x' * 60000 }}{% endfor %}{% endfor %}",
        "{{ 'aaaaaaaaaaaaaaaa' | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') }}",
        "{{ [1] * 100000000 }}",
        "a {{ [1] * 100000000 }}",
        "{{ ([1] * 100000000) | last }}",
        "{{ ([1] * 100000000) | join }}",
        "{{ ([1] * 100000000) == ([1] * 100000000) }}",
        "{{ 2 in [1] * 100000000 }}",
        "{{ [1] * 100000000 ~ 'x' }}",
        "{{ [[1] * 60000] * 60000 }}",
        "{{ [[1] * 60000] * 60000 | join }}",
        "{% if 1 %}{{ [1] * 100000000 }}{% endif %}",
        "{{ starts_at | date('%20Y' * 20000) }}",
    ] {
        assert!(Template::compile(text).is_ok_and(|template| template.render(&scope()).is_err()), "{text}");
    }
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(500), ")".repeat(500));
    assert!(Template::compile(&deep).is_err());
}

#[test]
fn a_payload_names_the_place_of_each_problem() {
    let tree = json!({"a": "{{ name }}", "list": [1, "{{ minutes }}", {"deep": "{{ nobody }}"}], "n": null});
    let payload = PayloadTemplate::compile(&tree).expect("it parses");
    assert_eq!(payload.names(), ["minutes", "name", "nobody"].map(String::from).into());
    assert_eq!(payload.render(&scope()), Err(RenderError("`list.2.deep`: there is no `nobody`".into())));
    let tree = json!({"a": "{{ name", "b": ["{{ 1 + }}"]});
    let paths: Vec<_> =
        PayloadTemplate::compile(&tree).expect_err("two problems").into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [vec!["a".to_owned()], vec!["b".to_owned(), "0".to_owned()]]);
}

#[test]
fn templates_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Template>();
    shared::<Condition>();
    shared::<PayloadTemplate>();
}

#[test]
fn a_mark_that_overlaps_its_own_end_is_a_problem_and_no_panic() {
    for text in ["{%}", "{#}", "a {%} b", "{{}", "{{ x {%} }}", "{%", "{#", "{"] {
        if let Ok(template) = Template::compile(text) {
            let _rendered = template.render(&scope());
        }
    }
    assert!(Template::compile("{%} x").is_err());
}

proptest! {
    #[test]
    fn no_text_makes_the_compiler_or_the_renderer_panic(text in "[a-z{}%#|()\\[\\]'\" +*/<>=!.,:~0-9é-]{0,40}") {
        if let Ok(template) = Template::compile(&text) {
            let _rendered = template.render(&scope());
        }
        let braced = format!("{{{{ {text} }}}}");
        if let Ok(template) = Template::compile(&braced) {
            let _rendered = template.render(&scope());
        }
        if let Ok(condition) = Condition::compile(&text) {
            let _truth = condition.holds(&scope());
        }
    }
}
