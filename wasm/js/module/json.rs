//! JSON as this module writes it: for JavaScript, which parses it.

use alloc::string::String;
use core::fmt::Write;

use countersign::internal::printable::write_json_string;

/// Writes members and elements with the commas between them.
#[derive(Debug)]
pub(crate) struct Json {
    text: String,
    /// Whether the next member or element is not the first.
    goes_on: bool,
}

impl Json {
    pub(crate) const fn new() -> Self {
        Self { text: String::new(), goes_on: false }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Begins a value, after a comma where one came before it.
    fn next(&mut self) {
        if self.goes_on {
            self.text.push(',');
        }
        self.goes_on = true;
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.next();
        // A string takes whatever is written.
        let _infallible = write_json_string(&mut self.text, text.chars());
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.next();
        let _infallible = write!(self.text, "{number}");
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.next();
        self.text.push_str(if flag { "true" } else { "false" });
    }

    fn within(&mut self, open: char, close: char, body: impl FnOnce(&mut Self)) {
        self.next();
        self.text.push(open);
        self.goes_on = false;
        body(self);
        self.text.push(close);
        self.goes_on = true;
    }

    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.within('{', '}', members);
    }

    pub(crate) fn array(&mut self, elements: impl FnOnce(&mut Self)) {
        self.within('[', ']', elements);
    }

    /// The name of the member whose value is written next.
    pub(crate) fn name(&mut self, name: &str) {
        self.text(name);
        self.text.push(':');
        self.goes_on = false;
    }

    pub(crate) fn text_member(&mut self, name: &str, text: &str) {
        self.name(name);
        self.text(text);
    }

    pub(crate) fn number_member(&mut self, name: &str, number: u64) {
        self.name(name);
        self.number(number);
    }

    pub(crate) fn flag_member(&mut self, name: &str, flag: bool) {
        self.name(name);
        self.flag(flag);
    }

    pub(crate) fn texts_member<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>) {
        self.name(name);
        self.array(|json| texts.for_each(|text| json.text(text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_between_values_only() {
        let mut json = Json::new();
        json.object(|json| {
            json.text_member("a", "x \" y");
            json.name("b");
            json.array(|json| {
                json.number(1);
                json.object(|_| ());
                json.flag(false);
            });
            json.texts_member("c", ["x", "y"].into_iter());
            json.number_member("d", 7);
            json.flag_member("e", true);
        });
        assert_eq!(json.finish(), r#"{"a":"x \" y","b":[1,{},false],"c":["x","y"],"d":7,"e":true}"#);
    }
}
