//! pure: the interface to minijinja: compiles expressions, converts values, and keeps a row's values out of errors.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::LazyLock;

use minijinja::value::{Tuple, Value as EngineValue, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Expression};
use serde_json::Value;

use super::limits::{self, Size};
use super::{Missing, RenderError, Scope, TemplateProblem, filters, rewrite};

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| filters::environment(Missing::Fails));
static LENIENT: LazyLock<Environment<'static>> = LazyLock::new(|| filters::environment(Missing::IsNull));

fn environment(missing: Missing) -> &'static Environment<'static> {
    match missing {
        Missing::Fails => &ENVIRONMENT,
        Missing::IsNull => &LENIENT,
    }
}

/// Maximum items and fields of one value: more don't fit into the output's limit.
pub(super) const PARTS_LIMIT: usize = super::OUTPUT_LIMIT / 2;

/// One compiled expression, or a whole text with statements.
pub(super) struct Program {
    source: String,
    code: Code,
    missing: Missing,
    names: BTreeSet<String>,
}

enum Code {
    Expression(Box<Expression<'static, 'static>>),
    /// A text with statements. Parsed again at each rendering, since minijinja's templates borrow their text; statements in
    /// payloads are rare.
    Whole,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.source).finish()
    }
}

impl Program {
    /// Compiles an expression that begins at byte `offset` of its template.
    pub(super) fn expression(text: &str, offset: usize, missing: Missing) -> Result<Self, TemplateProblem> {
        if text.trim().is_empty() {
            return Err(TemplateProblem {
                message: "there is no expression".into(),
                at: Some(offset..offset + text.len()),
                help: Some("name a column, such as `{{ phone }}`".into()),
            });
        }
        limits::check(text, offset)?;
        rewrite::check(text, offset)?;
        // only the rewritten form is compiled: the engine would evaluate constant comparisons without fuel
        let source = rewrite::rewritten(text);
        limits::check_lines(&source, offset)?;
        let compiled =
            environment(missing).compile_expression_owned(source).map_err(|error| syntax(&error, text, offset))?;
        let names = own_names(compiled.undeclared_variables(false));
        Ok(Self { source: text.trim().to_owned(), code: Code::Expression(Box::new(compiled)), missing, names })
    }

    /// Compiles a text with statements, comments or whitespace control.
    pub(super) fn whole(text: &str, missing: Missing) -> Result<Self, TemplateProblem> {
        let source = rewritten_text(text)?;
        limits::check_lines(&source, 0)?;
        let template = environment(missing).template_from_str(&source).map_err(|error| syntax(&error, text, 0))?;
        let names = own_names(template.undeclared_variables(false));
        Ok(Self { source, code: Code::Whole, missing, names })
    }

    /// The text it was compiled from.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The names it needs.
    pub(super) fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// The same with what each name is asked for: `client.phone`.
    pub(super) fn paths(&self) -> BTreeSet<String> {
        match &self.code {
            Code::Expression(expression) => own_names(expression.undeclared_variables(true)),
            Code::Whole => {
                let template = environment(self.missing).template_from_str(&self.source);
                template.map(|template| own_names(template.undeclared_variables(true))).unwrap_or_default()
            }
        }
    }

    /// The value of an expression.
    pub(super) fn value(&self, scope: &dyn Scope) -> Result<Value, RenderError> {
        let context = self.context(scope)?;
        match &self.code {
            Code::Expression(expression) => {
                let value = expression.eval(context).map_err(|error| self.failure(&error))?;
                if value.is_undefined() && self.missing == Missing::IsNull {
                    return Ok(Value::Null);
                }
                let mut parts = PARTS_LIMIT;
                from_engine(&value, &mut parts).ok_or_else(|| {
                    let why = if parts == 0 { "it is too large" } else { "it has no value" };
                    RenderError(format!("`{}`: {why}", self.source))
                })
            }
            Code::Whole => self.text(scope).map(Value::String),
        }
    }

    /// The text of a whole template.
    pub(super) fn text(&self, scope: &dyn Scope) -> Result<String, RenderError> {
        let context = self.context(scope)?;
        environment(self.missing).render_str(&self.source, context).map_err(|error| self.failure(&error))
    }

    fn context(&self, scope: &dyn Scope) -> Result<EngineValue, RenderError> {
        let mut pairs = Vec::with_capacity(self.names.len());
        for name in &self.names {
            pairs.push((name.clone(), to_engine(&named(scope, name)?)));
        }
        Ok(EngineValue::from_pairs(pairs))
    }

    /// The details of minijinja's errors can quote values of the row: only this program's own details and the error's kind
    /// are passed on.
    fn failure(&self, error: &Error) -> RenderError {
        let own = error.detail().and_then(|detail| detail.strip_prefix(filters::OWN_ERROR));
        let why = match (own, error.kind()) {
            (Some(own), _) => own.to_owned(),
            (None, ErrorKind::UndefinedError) => "it has no value".to_owned(),
            (None, ErrorKind::OutOfFuel) => "it takes too long".to_owned(),
            (None, ErrorKind::InvalidOperation) => "the operation doesn't fit the values' types".to_owned(),
            (None, kind) => kind.to_string(),
        };
        RenderError(format!("`{}`: {why}", self.source))
    }
}

/// The names that come from the scope: not the comparison functions.
fn own_names(names: HashSet<String>) -> BTreeSet<String> {
    names.into_iter().filter(|name| !filters::COMPARISONS.contains(&name.as_str())).collect()
}

/// The value of a name.
pub(super) fn named(scope: &dyn Scope, name: &str) -> Result<Value, RenderError> {
    match scope.lookup(name) {
        Some(value) => Ok(value),
        None if name == "row" => Ok(scope.row()),
        None => Err(RenderError(format!("there is no `{name}`"))),
    }
}

/// Rewrites the expressions in every tag of a text.
fn rewritten_text(text: &str) -> Result<String, TemplateProblem> {
    let mut output = String::with_capacity(text.len());
    let mut size = Size::default();
    let mut rest = 0;
    while let Some(open) = text[rest..].find("{").map(|at| rest + at) {
        output.push_str(&text[rest..open]);
        let mark = text[open..].get(..2).unwrap_or("");
        let close_mark = match mark {
            "{{" => "}}",
            "{%" => "%}",
            "{#" => "#}",
            _ => {
                output.push('{');
                rest = open + 1;
                continue;
            }
        };
        let close = match mark {
            "{{" => rewrite::closing(text, open + 2)?,
            // after the mark: `{%}` is not closed
            _ => text[open + 2..].find(close_mark).map_or(text.len(), |at| open + 2 + at),
        };
        if mark != "{#" {
            size.add_tag(text[open + 2..close].trim_start_matches(['-', '+']), open + 2)?;
        }
        output.push_str(&rewritten_tag(mark, &text[open + 2..close], close_mark, open + 2)?);
        rest = (close + 2).min(text.len());
    }
    output.push_str(&text[rest..]);
    Ok(output)
}

fn rewritten_tag(mark: &str, inside: &str, close_mark: &str, offset: usize) -> Result<String, TemplateProblem> {
    if mark == "{#" {
        return Ok(String::new());
    }
    let (left, body) = match inside.strip_prefix(['-', '+']) {
        Some(body) => (&inside[..1], body),
        None => ("", inside),
    };
    let (body, right) = match body.strip_suffix(['-', '+']) {
        Some(shorter) => (shorter, &body[shorter.len()..]),
        None => (body, ""),
    };
    rewrite::check(body, offset + left.len())?;
    let statement = body.trim_start();
    let keyword = ["if ", "elif ", "set "].into_iter().find(|keyword| statement.starts_with(keyword));
    let loop_head = statement.strip_prefix("for ").and_then(|head| head.split_once(" in "));
    let body = match (mark, keyword, loop_head) {
        ("{{", _, _) => rewrite::rewritten(body),
        (_, Some(keyword), _) => format!(" {keyword}{}", rewrite::rewritten(&statement[keyword.len()..])),
        (_, None, Some((item, list))) => format!(" for {item} in {}", rewrite::rewritten(list)),
        (_, None, None) => body.to_owned(),
    };
    Ok(format!("{mark}{left}{body}{right}{close_mark}"))
}

/// What to write instead, for the faults that people make by habit.
fn likely_remedy(detail: &str, text: &str) -> Option<String> {
    if detail.contains("expected end of block") || text.contains("{%") && detail.contains("unexpected end") {
        return Some("a block ends with its own word: `{% if name %}…{% endif %}`".to_owned());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let are_names = words.iter().all(|word| word.chars().all(|c| c.is_alphanumeric() || c == '_'));
    (are_names && words.len() > 1)
        .then(|| format!("a column's name with blanks is reached through the row: `row[\"{}\"]`", words.join(" ")))
}

fn syntax(error: &Error, text: &str, offset: usize) -> TemplateProblem {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    TemplateProblem {
        message: format!("the expression doesn't parse: {detail}"),
        at: Some(offset..offset + text.len()),
        help: likely_remedy(&detail, text),
    }
}

/// Converts a JSON value for minijinja.
pub(super) fn to_engine(value: &Value) -> EngineValue {
    match value {
        Value::Null => EngineValue::from(()),
        Value::Bool(truth) => EngineValue::from(*truth),
        Value::String(text) => EngineValue::from(text.as_str()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => EngineValue::from(whole),
            (None, Some(whole), _) => EngineValue::from(whole),
            (None, None, float) => EngineValue::from(float.unwrap_or(f64::NAN)),
        },
        Value::Array(items) => Tuple::from(items.iter().map(to_engine).collect::<Vec<_>>()).into(),
        Value::Object(fields) => {
            EngineValue::from_pairs(fields.iter().map(|(key, field)| (key.clone(), to_engine(field))))
        }
    }
}

/// Converts a value of minijinja to JSON; `None` when it is undefined, has no JSON form, or has too many parts
/// (`[1] * 100000000` is lazy and uses no fuel).
pub(super) fn from_engine(value: &EngineValue, parts_left: &mut usize) -> Option<Value> {
    *parts_left = parts_left.checked_sub(1)?;
    match value.kind() {
        ValueKind::Undefined => None,
        ValueKind::String => value.as_str().map(|text| Value::String(text.to_owned())),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter().ok()? {
                items.push(from_engine(&item, parts_left)?);
            }
            Some(Value::Array(items))
        }
        ValueKind::Map => {
            let mut fields = serde_json::Map::new();
            for key in value.try_iter().ok()? {
                let field = from_engine(&value.get_item(&key).ok()?, parts_left)?;
                fields.insert(key.as_str().map_or_else(|| key.to_string(), str::to_owned), field);
            }
            Some(Value::Object(fields))
        }
        _ => serde_json::to_value(value).ok(),
    }
}
