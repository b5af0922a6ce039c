//! The confusion matrix.

use std::fmt;

use ndarray::ArrayView2;

use crate::support::text::{Align, Table, grouped, percent};

/// A confusion matrix: the number of images for each pair of true and predicted class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// The images' classes.
    labels: Vec<String>,
    /// The number of the network's classes; at least that of the labels.
    predictions: usize,
    /// `counts[label * predictions + prediction]`.
    counts: Vec<usize>,
}

impl Confusion {
    /// Returns an empty matrix for images of these classes and a network with `predictions` classes (at least as many).
    pub fn new(labels: &[String], predictions: usize) -> Self {
        let predictions = predictions.max(labels.len());
        Self { counts: vec![0; labels.len() * predictions], predictions, labels: labels.to_vec() }
    }

    /// Returns the matrix of these counts, a row for each class of `labels`.
    pub fn of_rows(labels: &[String], rows: &[Vec<u32>]) -> Self {
        let mut confusion = Self::new(labels, rows.first().map_or(0, Vec::len));
        for (label, row) in rows.iter().enumerate() {
            row.iter().enumerate().for_each(|(prediction, &count)| confusion.add(label, prediction, count as usize));
        }
        confusion
    }

    /// Adds images of class `label` that were predicted as `prediction`; classes outside the matrix are ignored.
    pub fn add(&mut self, label: usize, prediction: usize, images: usize) {
        if label < self.labels.len() && prediction < self.predictions {
            self.counts[label * self.predictions + prediction] += images;
        }
    }

    /// Returns the number of images.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Returns the number of images whose prediction is their label.
    pub fn correct(&self) -> usize {
        self.counts.iter().step_by(self.predictions + 1).sum()
    }

    /// Returns the images' classes, by label.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Returns the counts as a view (true classes × predicted classes).
    pub fn matrix(&self) -> ArrayView2<'_, usize> {
        ArrayView2::from_shape((self.labels.len(), self.predictions), &self.counts)
            .expect("there is a count for each pair of classes")
    }

    /// Returns the rows of the matrix, by label: the number of images for each predicted class.
    pub fn rows(&self) -> impl Iterator<Item = &[usize]> {
        self.counts.chunks_exact(self.predictions.max(1))
    }

    /// Returns the mean recall over the classes that have images: the accuracy if all classes had equally many images
    /// (scikit-learn's `balanced_accuracy_score`); 0 without images.
    pub fn balanced_accuracy(&self) -> f64 {
        let found = self.rows().enumerate().filter_map(|(label, row)| {
            let images = row.iter().sum::<usize>();
            (images > 0).then(|| row[label] as f64 / images as f64)
        });
        let found: Vec<f64> = found.collect();
        found.iter().sum::<f64>() / found.len().max(1) as f64
    }

    /// Returns the classes that have images but were never predicted, for example because a ReLU makes their logit 0
    /// for all images.
    pub fn never_answered(&self) -> impl Iterator<Item = &str> {
        let answered = |class: usize| self.rows().any(|row| row[class] > 0);
        let unanswered =
            self.rows().enumerate().filter(move |(class, row)| row.iter().any(|&n| n > 0) && !answered(*class));
        unanswered.map(|(class, _)| self.labels[class].as_str())
    }

    /// Returns the share of true positives among the images predicted as a class; `None` without such images.
    fn precision(&self, class: usize) -> Option<f64> {
        let taken: usize = self.rows().map(|row| row[class]).sum();
        let right = self.rows().nth(class).map_or(0, |row| row[class]);
        (taken > 0).then(|| right as f64 / taken as f64)
    }

    /// Returns the share of images whose prediction is their label; 0 without images.
    pub fn accuracy(&self) -> f64 {
        match self.total() {
            0 => 0.0,
            total => self.correct() as f64 / total as f64,
        }
    }
}

/// Images of one class that were predicted as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The images' class.
    pub label: usize,
    /// The class that was predicted.
    pub prediction: usize,
    /// The number of images, above 0.
    pub images: usize,
    /// The number of all images of the class.
    pub of: usize,
}

impl Confusion {
    /// Returns the `most` pairs of a class and a wrong prediction with the most images, the most frequent first; equally
    /// frequent ones in the order of their classes.
    pub fn mistakes(&self, most: usize) -> Vec<Mistake> {
        let of_class = |(label, row): (usize, &[usize])| {
            let of = row.iter().sum();
            let wrong = row.iter().enumerate().filter(move |(prediction, images)| *prediction != label && **images > 0);
            wrong.map(|(prediction, &images)| Mistake { label, prediction, images, of }).collect::<Vec<_>>()
        };
        let mut mistakes: Vec<Mistake> = self.rows().enumerate().flat_map(of_class).collect();
        mistakes.sort_by_key(|mistake| std::cmp::Reverse(mistake.images));
        mistakes.truncate(most);
        mistakes
    }

    /// Returns the name of a class: that of its label, or its number if no image has it.
    pub fn class(&self, class: usize) -> String {
        self.labels.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// Returns the [most frequent mistakes](Self::mistakes) as a table. `name` returns the name of a class.
    pub fn mistakes_table(&self, most: usize, name: &dyn Fn(usize) -> String) -> Table {
        let mut table = Table::new([
            ("true class", Align::Left),
            ("predicted as", Align::Left),
            ("images", Align::Right),
            ("of the class", Align::Right),
        ]);
        for Mistake { label, prediction, images, of } in self.mistakes(most) {
            table.row([name(label), name(prediction), grouped(images as u64), percent(images, of)]);
        }
        table.narrower([vec![3]]);
        table
    }
}

/// The largest number of classes whose matrix fits a screen.
const WIDEST: usize = 20;
/// The largest number of mistakes that stand in place of a matrix.
const LISTED: usize = 10;

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matrix = self.predictions <= WIDEST;
        let numbers: Vec<String> =
            (0..if matrix { self.predictions } else { 0 }).map(|class| class.to_string()).collect();
        let columns = [("", Align::Right), ("class", Align::Left)]
            .into_iter()
            .chain(numbers.iter().map(|number| (number.as_str(), Align::Right)))
            .chain([("recall", Align::Right), ("precision", Align::Right)]);
        let mut table = Table::new(columns);
        for (label, (name, row)) in
            self.labels.iter().zip(self.counts.chunks_exact(self.predictions.max(1))).enumerate()
        {
            let cells = if matrix { row } else { &[] };
            // Zeros would hide the mistakes.
            let cells = cells.iter().map(|&count| if count == 0 { "·".to_owned() } else { count.to_string() });
            let recall = percent(row[label], row.iter().sum());
            let precision = self.precision(label).map_or_else(|| "–".to_owned(), |p| format!("{:.2} %", 100.0 * p));
            table.row([label.to_string(), name.clone()].into_iter().chain(cells).chain([recall, precision]));
        }
        // The matrix is whole or left out.
        let (first, last) = (2, 2 + numbers.len());
        let narrower = [vec![last + 1], (first..last).collect(), (first..last).chain([last + 1]).collect()];
        table.narrower(narrower);
        let shown = match f.width() {
            Some(width) => format!("{table:width$}"),
            None => table.to_string(),
        };
        let heading = |name: &str| shown.lines().next().is_some_and(|line| line.split_whitespace().any(|n| n == name));
        f.write_str(&shown)?;
        if heading("0") {
            write!(f, "\nRows are true classes, columns are predicted classes.")?;
        }
        write!(f, "\nRecall: the share of a class's images that were predicted as it.")?;
        if heading("precision") {
            write!(f, "\nPrecision: the share of its predictions that are right.")?;
        }
        // In place of the matrix.
        if !heading("0") && self.correct() < self.total() {
            let mistakes = self.mistakes_table(LISTED, &|class| self.class(class));
            write!(f, "\n\nThe most frequent mistakes:\n\n")?;
            return match f.width() {
                Some(width) => write!(f, "{mistakes:width$}"),
                None => write!(f, "{mistakes}"),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Confusion, Mistake};

    #[test]
    fn rows_are_labels_and_columns_predictions() {
        let mut confusion = Confusion::new(&["cat".into(), "dog".into()], 3);
        [(0, 0), (0, 1), (0, 1), (1, 1), (1, 2), (2, 0), (0, 3)].into_iter().for_each(|(l, p)| confusion.add(l, p, 1));
        assert_eq!((confusion.correct(), confusion.total()), (2, 5));
        assert_eq!(confusion.matrix(), ndarray::array![[1, 2, 0], [0, 1, 1]]);
        let text = confusion.to_string();
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines[2], "0  cat    1  2  ·  33.33 %   100.00 %");
        assert_eq!(lines[3], "1  dog    ·  1  1  50.00 %    33.33 %");
        assert!((confusion.balanced_accuracy() - (1.0 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
    }

    /// Of more classes than a matrix can show, the most frequent mistakes are listed.
    #[test]
    fn the_most_frequent_mistakes_stand_in_place_of_a_wide_matrix() {
        let names: Vec<String> = (0..30).map(|class| format!("kind {class}")).collect();
        let mut confusion = Confusion::new(&names, 31);
        (0..30).for_each(|class| confusion.add(class, class, 5));
        [(3, 7, 2), (29, 30, 4), (1, 0, 2), (0, 1, 1)].into_iter().for_each(|(l, p, n)| confusion.add(l, p, n));
        let pairs = |most| -> Vec<_> { confusion.mistakes(most).iter().map(|m| (m.label, m.prediction)).collect() };
        assert_eq!(pairs(9), [(29, 30), (1, 0), (3, 7), (0, 1)], "equal ones in the order of their classes");
        assert_eq!(pairs(2), [(29, 30), (1, 0)]);
        assert_eq!(confusion.mistakes(1), [Mistake { label: 29, prediction: 30, images: 4, of: 9 }]);
        let text = format!("{confusion:80}");
        assert!(!text.contains("Rows are true classes"), "{text}");
        let (_, list) = text.split_once("The most frequent mistakes:\n\n").expect("a list");
        let rows: Vec<Vec<&str>> = list.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["kind", "29", "class", "30", "4", "44.44", "%"]);
        assert_eq!(rows[1], ["kind", "1", "kind", "0", "2", "28.57", "%"]);
        assert_eq!(rows.len(), 4);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

        // A matrix that is too wide for the terminal gives way, too; one that fits needs no list.
        let names: Vec<String> = (0..12).map(|class| format!("a class with a long name {class}")).collect();
        let mut confusion = Confusion::new(&names, 12);
        (0..12).for_each(|class| confusion.add(class, (class + 1) % 12, 1000));
        assert!(format!("{confusion:60}").contains("The most frequent mistakes"));
        assert!(!format!("{confusion:200}").contains("The most frequent mistakes"));
    }

    #[test]
    fn a_class_is_never_answered_if_it_has_images_and_no_image_is_taken_for_it() {
        let mut confusion = Confusion::new(&["cat".into(), "dog".into(), "cow".into()], 4);
        assert_eq!(confusion.never_answered().count(), 0, "no images, no answers to expect");
        [(0, 0), (1, 0)].into_iter().for_each(|(l, p)| confusion.add(l, p, 1));
        assert_eq!(confusion.never_answered().collect::<Vec<_>>(), ["dog"]);
        confusion.add(0, 1, 1);
        assert_eq!(confusion.never_answered().count(), 0, "a wrong answer is one, too");
    }
}
