//! pure: charts as inline SVG, each with its numbers as a table.

use askama::Template;

/// Height of the bars' field, in the units of the drawing.
const FIELD_HEIGHT: u64 = 100;

/// Width of one upright bar with the gap beside it.
const BAR_WIDTH: u64 = 22;

/// Length of the longest lying bar.
const LONGEST_BAR: u64 = 260;

/// A number with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    /// Its name.
    pub label: String,
    /// The number.
    pub count: u64,
    /// Where more about it is.
    pub link: Option<String>,
}

impl Quantity {
    /// A quantity without a link.
    #[must_use]
    pub fn new(label: impl Into<String>, count: u64) -> Self {
        Self { label: label.into(), count, link: None }
    }
}

/// A bar as it is drawn.
#[derive(Debug, Clone)]
pub struct DrawnBar {
    /// What it stands for.
    pub quantity: Quantity,
    /// The distance from the left.
    pub x: u64,
    /// The distance from the top.
    pub y: u64,
    /// Its length.
    pub size: u64,
    /// Whether its name is written under it.
    pub is_named: bool,
}

/// What a chart is about.
#[derive(Debug, Clone)]
pub struct ChartTitle {
    /// Its heading.
    pub title: String,
    /// What the names are.
    pub of: &'static str,
    /// What is counted.
    pub counts: &'static str,
    /// What is said where there is nothing.
    pub nothing: &'static str,
}

/// Upright bars: something over time.
#[derive(Template)]
#[template(path = "upright.html")]
pub struct UprightBars {
    chart: ChartTitle,
    bars: Vec<DrawnBar>,
    width: u64,
    most: u64,
    total: u64,
}

/// Lying bars: the shares of something.
#[derive(Template)]
#[template(path = "lying.html")]
pub struct LyingBars {
    chart: ChartTitle,
    bars: Vec<DrawnBar>,
    total: u64,
}

// drawn by a template that escapes what it is given
impl askama::filters::HtmlSafe for UprightBars {}
impl askama::filters::HtmlSafe for LyingBars {}

/// The part of `full` that `count` is of `most`; nothing but nothing is drawn as nothing.
fn scaled(count: u64, most: u64, full: u64) -> u64 {
    if count == 0 { 0 } else { (count * full / most.max(1)).max(2) }
}

impl UprightBars {
    /// The chart of these quantities, of which every `named`th has its name under it.
    #[must_use]
    pub fn over(chart: ChartTitle, quantities: Vec<Quantity>, named: usize) -> Self {
        let most = quantities.iter().map(|quantity| quantity.count).max().unwrap_or(0);
        let total = quantities.iter().map(|quantity| quantity.count).sum();
        let width = BAR_WIDTH * quantities.len() as u64;
        let drawn = |(place, quantity): (usize, Quantity)| {
            let size = scaled(quantity.count, most, FIELD_HEIGHT);
            DrawnBar {
                quantity,
                x: BAR_WIDTH * place as u64 + 3,
                y: FIELD_HEIGHT - size,
                size,
                is_named: place % named.max(1) == 0,
            }
        };
        let bars = quantities.into_iter().enumerate().map(drawn).collect();
        Self { chart, bars, width, most, total }
    }
}

impl LyingBars {
    /// The chart of these quantities, the greatest first.
    #[must_use]
    pub fn over(chart: ChartTitle, mut quantities: Vec<Quantity>) -> Self {
        quantities.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.label.cmp(&other.label)));
        let most = quantities.first().map_or(0, |first| first.count);
        let total = quantities.iter().map(|quantity| quantity.count).sum();
        let drawn = |quantity: Quantity| {
            let size = scaled(quantity.count, most, LONGEST_BAR);
            DrawnBar { quantity, x: 0, y: 0, size, is_named: true }
        };
        let bars = quantities.into_iter().map(drawn).collect();
        Self { chart, bars, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title() -> ChartTitle {
        ChartTitle { title: "Calls by hour".to_owned(), of: "Hour", counts: "Calls", nothing: "No calls." }
    }

    #[test]
    fn every_number_of_a_chart_is_in_its_table_and_names_are_escaped() {
        let html = LyingBars::over(title(), vec![Quantity::new("<b>few", 1), Quantity::new("many", 90)]).to_string();
        assert!(html.contains("<td>90</td>") && html.contains("<td>1</td>"), "{html}");
        assert!(!html.contains("<b>few"), "{html}");
        let first = html.find("many").expect("a name");
        assert!(first < html.find("few").expect("a name"), "the most comes first");
    }

    #[test]
    fn a_small_number_is_seen_beside_a_large_one_and_nothing_is_not() {
        let chart = UprightBars::over(
            title(),
            vec![Quantity::new("9", 1), Quantity::new("10", 5_000), Quantity::new("11", 0)],
            1,
        );
        let sizes: Vec<u64> = chart.bars.iter().map(|bar| bar.size).collect();
        assert_eq!(sizes, [2, 100, 0]);
        let empty = UprightBars::over(title(), Vec::new(), 1).to_string();
        assert!(empty.contains("No calls.") && !empty.contains("<svg"), "{empty}");
    }
}
