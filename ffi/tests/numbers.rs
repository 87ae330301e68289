//! The generated enums have the numbers of the core.

use countersign::{Attribute, Reason, TokenKind};

#[test]
fn every_reason_has_its_number_in_c() {
    for reason in Reason::ALL {
        let number = countersign_ffi::reasons::countersign_reason::from(reason) as u32;
        assert_eq!(number, u32::from(reason.number()), "{reason}");
    }
}

#[test]
fn every_kind_has_its_number_in_c() {
    for kind in TokenKind::ALL {
        let number = countersign_ffi::kinds::countersign_token_kind::from(kind) as u32;
        assert_eq!(number, u32::from(kind.number()), "{}", kind.name());
    }
}

#[test]
fn the_fields_of_c_have_the_numbers_of_the_attributes() {
    use countersign_ffi::fields::countersign_attribute as Field;
    for (attribute, field) in [
        (Attribute::Policy, Field::Policy),
        (Attribute::Subject, Field::Subject),
        (Attribute::KeyThumbprint, Field::KeyThumbprint),
        (Attribute::Tool, Field::Tool),
    ] {
        assert_eq!(attribute.number().map(u32::from), Some(field as u32), "{}", attribute.word());
    }
}
