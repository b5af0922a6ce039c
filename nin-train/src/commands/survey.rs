//! The faults of a set of images, as text and as JSON.

use std::path::Path;

use nin_train::data::survey::{Place, Shared, Survey};
use nin_train::data::{Dataset, Part, Splits, picture_size};
use nin_train::support::text::{counted, grouped, visible};
use serde_json::{Value, json};

/// The most images, or groups of images, in one line.
const LISTED: usize = 5;

/// From this ratio of the largest class to the smallest one, the classes are called uneven.
const UNEVEN: usize = 3;

/// Returns the name of an image: its file, or its part and index.
fn name(splits: &Splits, place: Place) -> String {
    match splits.part(place.part).and_then(|images| images.file(place.index)) {
        Some(file) => visible(file).into_owned(),
        None => format!("{} image {}", place.part.name(), place.index),
    }
}

/// Returns the first items of `count`.
fn first(count: usize, items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.take(LISTED).collect();
    let more = if count > items.len() { ", …" } else { "" };
    format!("{}{more}", items.join(", "))
}

/// Returns the images of `part` that are also training images, in words; `None` if there are none.
pub fn shared_line(shared: &Shared, part: Part, splits: &Splits) -> Option<String> {
    let count = shared.len();
    let are = match count {
        0 => return None,
        1 => "is also a training image",
        _ => "are also training images",
    };
    let images = counted(count, &format!("{} image", part.name()));
    let names = first(count, shared.indices().into_iter().map(|index| name(splits, Place { part, index })));
    Some(format!("{images} {are}, equal or nearly so, which makes the accuracy too high: {names}"))
}

/// Returns one line for each kind of fault; empty if nothing was found.
pub fn lines(survey: &Survey, splits: &Splits) -> Vec<String> {
    let joined =
        |group: &[Place]| group.iter().take(LISTED).map(|&place| name(splits, place)).collect::<Vec<_>>().join(" = ");
    let mut lines = Vec::new();
    for part in [Part::Validation, Part::Test] {
        lines.extend(shared_line(&survey.shared_with_training(part), part, splits));
    }
    let mut list = |noun: &str, rest: &str, groups: Vec<String>| {
        if !groups.is_empty() {
            let count = groups.len();
            lines.push(format!("{}{rest}: {}", counted(count, noun), first(count, groups.into_iter())));
        }
    };
    let contradictions = survey.contradictions(splits).map(joined).collect();
    list("group", " of the same image in several classes", contradictions);
    list("group", " of equal images", survey.equal.iter().map(|group| joined(group)).collect());
    list("pair", " of nearly equal images", survey.near.iter().map(|pair| joined(pair)).collect());
    list("image", " of one colour", survey.constant.iter().map(|&place| name(splits, place)).collect());
    let counts = splits.train.class_counts();
    let most = counts.iter().enumerate().max_by_key(|(_, count)| **count);
    let least = counts.iter().enumerate().min_by_key(|(_, count)| **count);
    if let (Some((many, &most)), Some((few, &least))) = (most, least)
        && most >= UNEVEN * least.max(1)
    {
        let [many, few] = [many, few].map(|class| visible(&splits.train.class_names()[class]));
        let [most, least] = [most, least].map(|count| grouped(count as u64));
        lines.push(format!(
            "The classes are uneven: {most} training images of '{many}', {least} of '{few}'. train --balanced weights them"
        ));
    }
    if survey.too_many {
        lines.push("Nearly equal images were not searched for, because there are more than 30,000 images".to_owned());
    }
    lines
}

/// Returns the faults as JSON.
pub fn json(survey: &Survey, splits: &Splits) -> Value {
    let place = |&place: &Place| {
        let file = splits.part(place.part).and_then(|images| images.file(place.index));
        json!({ "part": place.part.name(), "index": place.index, "file": file })
    };
    let group = |group: &[Place]| group.iter().map(place).collect::<Vec<_>>();
    let shared = |part| {
        let indices = survey.shared_with_training(part).indices().into_iter();
        group(&indices.map(|index| Place { part, index }).collect::<Vec<_>>())
    };
    json!({
        "also_in_training": {
            "validation": shared(Part::Validation),
            "test": shared(Part::Test),
        },
        "several_classes": survey.contradictions(splits).map(group).collect::<Vec<_>>(),
        "equal": survey.equal.iter().map(|images| group(images)).collect::<Vec<_>>(),
        "nearly_equal": match survey.too_many {
            true => Value::Null,
            false => survey.near.iter().map(|pair| group(pair)).collect(),
        },
        "one_colour": group(&survey.constant),
    })
}

/// The sizes of picture files, as columns and rows.
pub struct Sizes {
    least: (u32, u32),
    median: (u32, u32),
    most: (u32, u32),
    /// Pictures with fewer rows or columns than the network reads.
    smaller: usize,
}

impl Sizes {
    /// Reads the headers of the files of all images. `None` if the images are no files.
    pub fn of(splits: &Splits, folder: &Path) -> Option<Self> {
        let files =
            |images: &Dataset| (0..images.len()).filter_map(|i| images.file(i)).map(|file| folder.join(file)).collect();
        let files: Vec<std::path::PathBuf> =
            splits.parts().flat_map(|(_, images)| -> Vec<_> { files(images) }).collect();
        let mut sizes: Vec<(u32, u32)> = files.iter().filter_map(|file| picture_size(file)).collect();
        sizes.sort_by_key(|&(columns, rows)| u64::from(columns) * u64::from(rows));
        let shape = splits.train.shape();
        let smaller = |&&(columns, rows): &&(u32, u32)| columns < shape.columns.into() || rows < shape.rows.into();
        Some(Self {
            least: *sizes.first()?,
            median: sizes[sizes.len() / 2],
            most: *sizes.last()?,
            smaller: sizes.iter().filter(smaller).count(),
        })
    }

    /// Returns one sentence.
    pub fn text(&self) -> String {
        let size = |(columns, rows): (u32, u32)| format!("{columns}x{rows}");
        let (least, median, most) = (size(self.least), size(self.median), size(self.most));
        let smaller = match self.smaller {
            0 => String::new(),
            count => format!("; {} are smaller than the shape and are enlarged", grouped(count as u64)),
        };
        format!("Picture sizes (columns x rows): {least} to {most}, median {median}{smaller}.")
    }

    /// Returns the sizes as JSON, each as columns and rows.
    pub fn json(&self) -> Value {
        json!({ "least": self.least, "median": self.median, "most": self.most, "enlarged": self.smaller })
    }
}
