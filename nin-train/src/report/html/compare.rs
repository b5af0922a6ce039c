//! The page that compares several runs.

use super::write::Html;
use super::{Run, STYLE, curves, memory, page, percent, recipe, tables};
use crate::network::resources::Resources;
use crate::support::text::{Align, Table, bytes, grouped};

/// Returns a page that compares several runs: figures, curves, differences of the recipes, and memory.
pub fn comparison(runs: &[Run]) -> String {
    let title = format!("Comparison of {} runs", runs.len());
    Html::page(&title, STYLE, |html| {
        html.leaf("h1", &[], &title);
        tables::table(html, "Figures of the runs", &figures(runs));
        for run in runs {
            html.tag("p", &[], |html| {
                html.leaf("strong", &[], &run.name);
                html.leaf("code", &[("class", "line")], &run.line);
                html.text(&recipe::words(&run.recipe));
                if let Some(images) = &run.images {
                    html.text(" ");
                    html.text(&images.source);
                }
            });
        }
        page::section(html, "Training");
        curves::write(html, runs);
        page::section(html, "Differences between the recipes");
        differences(html, runs);
        page::section(html, "Working memory for one image, in 8 bits");
        // Runs of the same line need the same memory: one diagram names them all.
        for (number, run) in runs.iter().enumerate() {
            let same = |other: &&Run| other.line == run.line;
            if !runs[..number].iter().any(|other| same(&other)) {
                let names: Vec<&str> = runs.iter().filter(same).map(|other| other.name.as_str()).collect();
                html.leaf("h3", &[], &names.join(", "));
                memory::write(html, &run.plan);
            }
        }
        page::footer(html, page::SAME_RUN);
    })
}

fn figures(runs: &[Run]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("run", Left),
        ("measured on", Left),
        ("accuracy", Right),
        ("loss", Right),
        ("epochs", Right),
        ("parameters", Right),
        ("MACs", Right),
        ("RAM int8", Right),
        ("flash int8", Right),
        ("RAM f32", Right),
        ("flash f32", Right),
        ("layer by layer", Right),
    ]);
    for run in runs {
        let sum = Resources::new(&run.plan);
        // The epoch that the run exports: the best one with validation images (the first of equals), else the last.
        let shown = match run.recipe.validation > 0.0 {
            true => run
                .history
                .iter()
                .rev()
                .max_by(|a, b| a.test_accuracy.unwrap_or(0.0).total_cmp(&b.test_accuracy.unwrap_or(0.0))),
            false => run.history.last(),
        };
        let some = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
        table.row([
            run.name.clone(),
            if run.recipe.validation > 0.0 { "validation images" } else { "test images" }.to_owned(),
            some(shown.and_then(|report| report.test_accuracy)),
            shown.and_then(|report| report.test_loss).map_or_else(|| "–".to_owned(), |loss| format!("{loss:.4}")),
            format!("{} of {}", run.history.len(), run.recipe.epochs),
            grouped(sum.parameters),
            grouped(sum.macs),
            bytes(sum.streaming_int8),
            bytes(sum.flash_int8),
            bytes(sum.streaming),
            bytes(sum.flash_f32),
            bytes(sum.layer_by_layer_int8),
        ]);
    }
    table
}

fn differences(html: &mut Html, runs: &[Run]) {
    let parts: Vec<_> = runs.iter().map(|run| recipe::parts(&run.recipe)).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in parts.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of =
        |run: usize, name: &str| parts[run].iter().find(|(part, _)| part == name).map_or("–", |(_, value)| value);
    names.retain(|name| (1..runs.len()).any(|run| of(run, name) != of(0, name)));
    if names.is_empty() {
        return html.leaf("p", &[], "The recipes are the same.");
    }
    let columns = [("", Align::Left)].into_iter().chain(runs.iter().map(|run| (run.name.as_str(), Align::Right)));
    let mut table = Table::new(columns);
    for name in names {
        let values = (0..runs.len()).map(|run| of(run, name).to_owned());
        table.row([name.replace(['_', '.'], " ")].into_iter().chain(values));
    }
    tables::table(html, "Differences between the recipes", &table);
}
