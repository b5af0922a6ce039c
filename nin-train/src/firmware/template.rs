//! Templates: text with `{{name}}` in the places of values.

/// Returns `template` with the values in place of their names.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        debug_assert!(value.is_some(), "the template has no value for {name}");
        text.push_str(before);
        text.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn values_are_not_templates() {
        assert_eq!(fill("a {{x}} b {{y}}{{x}} { }", &[("x", "{{y}}"), ("y", "2")]), "a {{y}} b 2{{y}} { }");
    }
}
