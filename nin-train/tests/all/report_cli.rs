//! `report.html`: complete, self-contained, and the same every time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nin_train::support::text::bytes;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(folder).args(arguments).output().expect("the program runs")
}

fn succeeds(folder: &Path, arguments: &[&str]) -> Output {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Two classes of pictures, `a` black and `b` white; one name must be escaped.
const NAMES: [&str; 2] = ["<script>&\"it's\"", "plain"];

fn photos(folder: &Path) {
    for (class, light) in NAMES.iter().zip([20u8, 200]) {
        fs::create_dir_all(folder.join("photos").join(class)).unwrap();
        for number in 0..10u8 {
            let image = image::RgbImage::from_fn(8, 8, |x, y| image::Rgb([light + (x * y) as u8, light, number]));
            image.save(folder.join("photos").join(class).join(format!("{number}.png"))).unwrap();
        }
    }
}

/// Fails unless every tag is closed in order and nothing is loaded from elsewhere.
fn check(html: &str) {
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    // The bytes of pictures may contain any word.
    for part in html.split('"').filter(|part| !part.starts_with("data:image/png;base64,")) {
        assert!(!part.contains("http") && !part.contains("<script") && !part.contains("url("), "{part}");
    }
    let addresses = html.match_indices("src=\"").map(|(at, found)| &html[at + found.len()..]);
    assert!(addresses.into_iter().all(|address| address.starts_with("data:image/png;base64,iVBORw0KGgo")));
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("it begins as a page does");
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "<{tag}>");
        rest = &rest[end + 1..];
        match (tag.strip_prefix('/'), tag.strip_suffix(" /")) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name), "closed in its order"),
            (None, Some(_)) => {}
            (None, None) => open.push(tag.split(' ').next().unwrap_or(tag)),
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
}

#[test]
fn a_run_leaves_a_page_that_can_be_made_again() {
    let folder = folder("page");
    photos(&folder);
    let line = "3x8x8 nin3+1:6 max2/2 nin1:2 gap";
    let train = |out: &str| {
        ["train", "--line", line, "--data", "photos", "--epochs", "3", "--seed", "4", "--out", out].map(str::to_owned)
    };
    let text = run(&folder, &train("run").each_ref().map(String::as_str));
    assert!(text.status.success(), "{}", String::from_utf8_lossy(&text.stderr));
    assert!(String::from_utf8_lossy(&text.stdout).contains("run/report.html"));
    let path = folder.join("run/report.html");
    let page = fs::read_to_string(&path).unwrap();
    check(&page);
    assert!(
        page.contains(line) && page.contains("&lt;script&gt;&amp;&quot;it&#39;s&quot;") && page.contains(">plain<")
    );
    // The counts equal those of an evaluation with the other engine.
    let eval = succeeds(&folder, &["eval", "run/checkpoint", "--data", "photos", "--json"]);
    let eval: serde_json::Value = serde_json::from_slice(&eval.stdout).unwrap();
    assert!(page.contains(&format!("{} of {} images", eval["correct"], eval["images"])), "{eval}");
    let cells = page.match_indices(" predicted as ").map(|(at, _)| {
        let (title, _) = page[at..].split_once('"').unwrap();
        title.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    });
    assert_eq!(cells.sum::<u64>(), eval["images"].as_u64().unwrap());

    fs::remove_file(&path).unwrap();
    succeeds(&folder, &["report", "run", "--data", "photos"]);
    assert!(fs::read_to_string(&path).unwrap() == page, "the same run, the same page");
    succeeds(&folder, &["report", "run/checkpoint", "--data", "photos", "--threads", "1", "--out", "again.html"]);
    assert!(fs::read_to_string(folder.join("again.html")).unwrap() == page, "whatever the threads");

    // The run knows its images; others do not fit it.
    succeeds(&folder, &["report", "run"]);
    assert!(fs::read_to_string(&path).unwrap() == page, "whoever names them");
    let error = run(&folder, &["report", "run", "--dataset", "fashion-mnist-subset"]);
    assert!(!error.status.success());
    let error = String::from_utf8_lossy(&error.stderr).into_owned();
    assert!(error.contains("reads images of 3 channel(s), and these have 1; it was trained on /"), "{error}");
}

#[test]
fn several_runs_stand_side_by_side() {
    let folder = folder("several");
    photos(&folder);
    for (out, line, lr) in [("a", "3x8x8 nin3:2 gap", "0.01"), ("b", "3x8x8 nin3:4 fc2", "0.02")] {
        succeeds(&folder, &["train", "--line", line, "--data", "photos", "--epochs", "2", "--lr", lr, "--out", out]);
        check(&fs::read_to_string(folder.join(out).join("report.html")).unwrap());
    }
    assert!(fs::read_to_string(folder.join("b/report.html")).unwrap().contains("there are no class maps"));
    succeeds(&folder, &["report", "a", "b", "--out", "ab.html"]);
    let page = fs::read_to_string(folder.join("ab.html")).unwrap();
    check(&page);
    for text in ["Comparison of 2 runs", "3x8x8 nin3:2 gap", "3x8x8 nin3:4 fc2", ">0.01<", ">0.02<"] {
        assert!(page.contains(text), "{text}");
    }
}

/// A folder in place of the page: the run itself must not fail.
#[test]
fn a_page_that_cannot_be_written_is_a_note() {
    let folder = folder("note");
    photos(&folder);
    fs::create_dir_all(folder.join("run/report.html/full")).unwrap();
    let output = succeeds(
        &folder,
        &["train", "--line", "3x8x8 nin3:2 gap", "--data", "photos", "--epochs", "1", "--out", "run"],
    );
    let note = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(note.contains("report could not be written"), "{note}");
    assert!(folder.join("run/model.nin").exists());
}

/// The largest possible page: pictures of noise, which do not compress, and twenty classes.
#[test]
fn a_page_of_many_classes_stays_small() {
    let folder = folder("large");
    let mut noise = 1u32;
    for class in 0..20 {
        fs::create_dir_all(folder.join(format!("photos/class {class}"))).unwrap();
        for number in 0..10 {
            let image = image::RgbImage::from_fn(64, 64, |_, _| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                image::Rgb([noise.to_le_bytes()[1], noise.to_le_bytes()[2], noise.to_le_bytes()[3]])
            });
            image.save(folder.join(format!("photos/class {class}/{number}.png"))).unwrap();
        }
    }
    let line = "3x64x64 nin11+5:64 nin1:20 gap";
    succeeds(&folder, &["train", "--line", line, "--data", "photos", "--epochs", "1", "--out", "run"]);
    let page = fs::read_to_string(folder.join("run/report.html")).unwrap();
    check(&page);
    assert!(page.len() > 1_000_000, "{} bytes: is everything there?", page.len());
    assert!(page.contains("<small>class "), "mistakes say which file they are");
}

/// The figures of the exported file, not those of floats.
#[test]
fn the_page_of_a_network_of_integers_says_so() {
    let folder = folder("integers");
    photos(&folder);
    let line = "3x8x8 nin3+1:6 max2/2 nin1:2 gap";
    succeeds(&folder, &["train", "--line", line, "--data", "photos", "--epochs", "1", "--out", "run"]);
    let qat = ["train", "--from", "run/model.nin", "--qat", "--weights", "4bit", "--data", "photos", "--epochs", "1"];
    succeeds(&folder, &[&qat[..], &["--out", "qat"]].concat());
    let page = fs::read_to_string(folder.join("qat/report.html")).unwrap();
    check(&page);
    let flash = fs::metadata(folder.join("qat/model.nin")).unwrap().len();
    assert!(page.contains(&format!("<dd>{flash} B<small>int4 weights</small>")), "{flash} B");
    assert!(page.contains("starting from the weights of model.nin"));
}

/// Returns the titles of the page's sections.
fn sections(page: &str) -> Vec<&str> {
    page.split("<h2>").skip(1).map(|section| section.split('<').next().unwrap()).collect()
}

/// What is known without a run, and the results of `eval` on the images; nothing about training.
#[test]
fn a_model_has_a_page_without_its_run() {
    let folder = folder("model");
    photos(&folder);
    let line = "3x8x8 nin3+1:6 dw3+1:6id gap fc2";
    succeeds(&folder, &["train", "--line", line, "--data", "photos", "--epochs", "2", "--out", "run"]);
    succeeds(&folder, &["quantize", "run/checkpoint", "--out", "small.nin"]);
    fs::create_dir(folder.join("elsewhere")).unwrap();
    fs::copy(folder.join("run/model.nin"), folder.join("elsewhere/floats.nin")).unwrap();
    let results = ["Confusion matrix", "Confidence", "Most confident mistakes", "Class maps"];
    let known = ["Filters of the first layer", "Resources"];
    for (model, weights) in [("elsewhere/floats.nin", "f32 weights"), ("small.nin", "int8-affine weights")] {
        let output = succeeds(&folder, &["report", model, "--data", "photos"]);
        let path = model.replace(".nin", ".html");
        assert!(String::from_utf8_lossy(&output.stdout).contains(&path));
        let page = fs::read_to_string(folder.join(&path)).unwrap();
        check(&page);
        assert_eq!(sections(&page), [&results[..], &known].concat());
        let eval = succeeds(&folder, &["eval", model, "--data", "photos", "--json"]);
        let eval: serde_json::Value = serde_json::from_slice(&eval.stdout).unwrap();
        let loss = format!("<dd>{:.4}<small>mean cross-entropy", eval["loss"].as_f64().unwrap());
        assert!(page.contains(&format!("{} of {} images", eval["correct"], eval["images"])) && page.contains(&loss));
        let flash = fs::metadata(folder.join(model)).unwrap().len();
        assert!(page.contains(&format!("<dd>{}<small>{weights}</small>", bytes(flash))), "{flash} B");
        assert!(page.contains(line) && page.contains("&lt;script&gt;&amp;&quot;it&#39;s&quot;, plain."));
        assert!(page.contains("under the map of its class") && page.contains("class map of plain"), "class maps");
        // In the run's own folder, the run's page stays as it is.
        let again = succeeds(&folder, &["report", model, "--data", "photos", "--threads", "1", "--out", "again.html"]);
        assert!(again.status.success() && fs::read_to_string(folder.join("again.html")).unwrap() == page);
    }
    let own = fs::read(folder.join("run/report.html")).unwrap();
    succeeds(&folder, &["report", "run/model.nin"]);
    assert!(fs::read(folder.join("run/report.html")).unwrap() == own, "the run's own page stays");
    assert!(fs::read_to_string(folder.join("run/model.html")).unwrap().contains("<h1>run</h1>"));

    // Without images.
    let output = succeeds(&folder, &["report", "elsewhere/floats.nin"]);
    let note = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(note.contains("the page has no test images: ") && note.contains("name its images with --data"), "{note}");
    let page = fs::read_to_string(folder.join("elsewhere/floats.html")).unwrap();
    check(&page);
    assert_eq!(sections(&page), known);
    assert!(!page.contains("accuracy"), "no figure of images");
}

/// A model of TensorFlow Lite, after `import`.
#[test]
fn an_imported_model_has_a_page() {
    let folder = folder("imported");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tflite");
    let file = fixtures.join("24.tflite");
    let file = file.to_str().unwrap();
    succeeds(&folder, &["import", file, "--out", "net.nin"]);
    succeeds(&folder, &["report", "net.nin"]);
    let page = fs::read_to_string(folder.join("net.html")).unwrap();
    check(&page);
    assert_eq!(sections(&page), ["Filters of the first layer", "Resources"]);
    assert!(page.contains("int8-affine weights (integers with zero points)"), "{page}");
}

#[test]
fn what_is_no_model_has_no_page() {
    let folder = folder("errors");
    photos(&folder);
    succeeds(&folder, &["train", "--line", "3x8x8 nin3:2 gap", "--data", "photos", "--epochs", "1", "--out", "run"]);
    fs::write(folder.join("text.nin"), "no network").unwrap();
    fs::copy(folder.join("run/model.nin"), folder.join("net.html")).unwrap();
    let model = fs::read(folder.join("run/model.nin")).unwrap();
    fs::write(folder.join("cut.nin"), &model[..model.len() - 9]).unwrap();
    for (arguments, said) in [
        (&["report", "text.nin"][..], "text.nin: this is not a model file, checkpoint or safetensors file"),
        (&["report", "cut.nin"], "cut.nin: "),
        (&["report", "missing.nin"], "missing.nin: "),
        (&["report", "net.html", "--data", "photos"], "would be overwritten: name another output file with --out"),
        (
            &["report", "run", "run/model.nin"],
            "run/model.nin: this is not a checkpoint, and a page of several compares",
        ),
        (&["report", "run", "text.nin"], "text.nin: this is not a model file, checkpoint or safetensors file"),
        (&["report", "run/model.nin", "--data", "missing"], "missing"),
    ] {
        let output = run(&folder, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{arguments:?}: {error}");
    }
    assert!(fs::read(folder.join("net.html")).unwrap() == model, "nothing was overwritten");
}

/// Each filter of a first layer in groups has the channels of its group only.
#[test]
fn filters_of_a_first_layer_in_groups_are_drawn() {
    let folder = folder("groups");
    photos(&folder);
    for (out, line) in [("dw", "3x8x8 dw3+1:4 gap fc2"), ("all", "3x8x8 nin3+1:4 gap fc2")] {
        let train = ["train", "--line", line, "--data", "photos", "--epochs", "1", "--out", out];
        let output = succeeds(&folder, &train);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("could not be written"));
        let page = fs::read_to_string(folder.join(out).join("report.html")).unwrap();
        check(&page);
        let shown =
            if out == "dw" { "All 3 filters, 3×3, each on its own scale: blue is" } else { "red, green and blue" };
        assert!(page.contains(shown), "{out}");
    }
}
