//! Tables of the page: those of the report, and the confusion matrix as a heat map.

use super::write::Html;
use crate::engine::confusion::Confusion;
use crate::support::text::{Align, Table, grouped, percent};

/// The largest number of classes for which the matrix is drawn; a larger one would be unreadable.
const WIDEST: usize = 50;
/// The largest number of mistakes, or of classes in place of a matrix.
const LISTED: usize = 10;

/// Writes a box in which wide content scrolls, so that the page does not.
pub(super) fn scroll(html: &mut Html, what: &str, inside: impl FnOnce(&mut Html)) {
    let attributes = [("class", "scroll"), ("role", "region"), ("tabindex", "0"), ("aria-label", what)];
    html.tag("div", &attributes, inside);
    html.line();
}

/// Writes one of the report's tables.
pub(super) fn table(html: &mut Html, what: &str, table: &Table) {
    let class = |align: Align| match align {
        Align::Left => "left",
        Align::Right => "right",
    };
    scroll(html, what, |html| {
        html.tag("table", &[], |html| {
            html.tag("thead", &[], |html| {
                html.tag("tr", &[], |html| {
                    for (name, align) in table.columns() {
                        html.leaf("th", &[("class", class(*align))], name);
                    }
                });
            });
            html.tag("tbody", &[], |html| {
                let mut ruled = false;
                for row in table.rows() {
                    let Some(cells) = row else {
                        ruled = true;
                        continue;
                    };
                    let attributes: &[_] = if ruled { &[("class", "sum")] } else { &[] };
                    html.tag("tr", attributes, |html| {
                        for (i, (_, align)) in table.columns().iter().enumerate() {
                            html.leaf("td", &[("class", class(*align))], cells.get(i).map_or("", String::as_str));
                        }
                    });
                }
            });
        });
    });
}

/// Writes a vertical column heading, so that columns are narrow.
pub(super) fn upright(html: &mut Html, text: &str) {
    html.tag("th", &[("scope", "col"), ("title", text)], |html| html.leaf("span", &[("class", "up")], text));
}

/// Writes the confusion matrix, true classes in rows, or for many classes those with the lowest recall, and below it the
/// most frequent mistakes.
pub(super) fn confusion(html: &mut Html, confusion: &[Vec<u32>], name: &dyn Fn(usize) -> String) {
    let counts = Confusion::of_rows(&(0..confusion.len()).map(name).collect::<Vec<_>>(), confusion);
    if confusion.len() <= WIDEST {
        scroll(html, "Confusion matrix", |html| matrix(html, confusion, name));
        html.leaf(
            "p",
            &[("class", "soft")],
            "Rows are true classes, columns are predicted classes. A cell’s colour shows its share of the row; for \
             mistakes it is amplified. Recall: the share of a class’s images that were assigned to it. Precision: the \
             share of the images assigned to a class that belong to it.",
        );
    } else {
        let text = format!("{} classes are too many for a matrix. These have the lowest recall:", confusion.len());
        html.leaf("p", &[("class", "soft")], &text);
        table(html, "Lowest recall", &lowest_recall(&counts, name));
    }
    if counts.correct() < counts.total() {
        html.leaf("p", &[("class", "soft")], "The most frequent mistakes:");
        table(html, "Most frequent mistakes", &counts.mistakes_table(LISTED, name));
    }
}

/// The classes with the lowest recall, of more classes than a matrix is drawn for.
fn lowest_recall(counts: &Confusion, name: &dyn Fn(usize) -> String) -> Table {
    let mut recalls: Vec<(usize, usize, usize)> =
        counts.rows().enumerate().map(|(label, row)| (label, row[label], row.iter().sum())).collect();
    recalls.retain(|(.., of)| *of > 0);
    let recall = |&(_, right, of): &(usize, usize, usize)| right as f64 / of as f64;
    // Stable: equal ones stay in the order of their classes.
    recalls.sort_by(|a, b| recall(a).total_cmp(&recall(b)));
    let mut table = Table::new([
        ("class", Align::Left),
        ("images", Align::Right),
        ("right", Align::Right),
        ("recall", Align::Right),
    ]);
    for (label, right, of) in recalls.into_iter().take(LISTED) {
        table.row([name(label), grouped(of as u64), grouped(right as u64), percent(right, of)]);
    }
    table
}

fn matrix(html: &mut Html, confusion: &[Vec<u32>], name: &dyn Fn(usize) -> String) {
    html.tag("table", &[("class", "heat")], |html| {
        html.tag("thead", &[], |html| {
            html.tag("tr", &[], |html| {
                html.leaf("th", &[], "");
                let predictions = confusion.first().map_or(0, Vec::len);
                (0..predictions).for_each(|class| upright(html, &name(class)));
                upright(html, "recall");
            });
        });
        html.tag("tbody", &[], |html| {
            for (label, row) in confusion.iter().enumerate() {
                let sum: u32 = row.iter().sum();
                html.tag("tr", &[], |html| {
                    html.leaf("th", &[("scope", "row"), ("title", &name(label))], &name(label));
                    for (prediction, &count) in row.iter().enumerate() {
                        let share = f64::from(count) / f64::from(sum.max(1));
                        // The square root keeps a share of 1 % visible.
                        let (kind, strength) =
                            if prediction == label { ("hit", share) } else { ("miss", share.sqrt()) };
                        let strong = if strength > 0.55 { " strong" } else { "" };
                        let style = format!("--a:{strength:.2}");
                        let title = format!("{} predicted as {}: {count}", name(label), name(prediction));
                        match count {
                            0 => html.leaf("td", &[], ""),
                            _ => html.leaf(
                                "td",
                                &[("class", &format!("{kind}{strong}")), ("style", &style), ("title", &title)],
                                &count.to_string(),
                            ),
                        }
                    }
                    html.leaf("td", &[], &percent(row[label] as usize, sum as usize));
                });
            }
            html.tag("tr", &[], |html| {
                html.leaf("th", &[("scope", "row")], "precision");
                for prediction in 0..confusion.first().map_or(0, Vec::len) {
                    let taken: u32 = confusion.iter().map(|row| row[prediction]).sum();
                    let right = confusion.get(prediction).map_or(0, |row| row[prediction]);
                    let share = if taken > 0 {
                        format!("{:.0} %", 100.0 * f64::from(right) / f64::from(taken))
                    } else {
                        "–".to_owned()
                    };
                    html.leaf("td", &[], &share);
                }
                html.leaf("td", &[], "");
            });
        });
    });
}

#[cfg(test)]
mod tests {
    use super::confusion;
    use crate::report::html::write::Html;

    /// Class `c` of 60 has 10 images, and `c % 7` of them are predicted as the next class.
    #[test]
    fn too_many_classes_are_listed_by_recall_and_by_mistakes() {
        let row = |class: usize| {
            let mut row = vec![0; 60];
            row[class] = 10 - (class % 7) as u32;
            row[(class + 1) % 60] += (class % 7) as u32;
            row
        };
        let rows: Vec<Vec<u32>> = (0..60).map(row).collect();
        let name = |class: usize| format!("kind {class}");
        let page = |rows: &[Vec<u32>]| Html::page("", "", |html| confusion(html, rows, &name));
        let many = page(&rows);
        assert!(many.contains("60 classes are too many for a matrix") && !many.contains("predicted as kind"), "{many}");
        // The classes with 6 mistakes: 6, 13, … 55, and of those with 5 the first two.
        let cells: Vec<&str> =
            many.split("<td class=\"left\">").skip(1).map(|cell| cell.split('<').next().unwrap()).collect();
        let first: Vec<&str> = cells[..10].to_vec();
        let expected = [6, 13, 20, 27, 34, 41, 48, 55, 5, 12].map(name);
        assert_eq!(first, expected);
        assert_eq!(cells[10..12], ["kind 6", "kind 7"], "the most frequent mistake");
        // A matrix with the diagonal only has no mistakes to list.
        let right: Vec<Vec<u32>> =
            (0..3).map(|class| (0..3).map(|other| u32::from(class == other)).collect()).collect();
        assert!(!page(&right).contains("most frequent mistakes"));
    }
}
