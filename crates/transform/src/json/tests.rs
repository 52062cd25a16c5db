//! What this parser says of a text, and what `serde_json` says of it.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::*;

/// Whether `serde_json` reads the text; if so, this parser reads the same or leaves it alone, and
/// if not, it does not either, however little of it is wanted.
fn check(bytes: &[u8]) -> Option<bool> {
    let arena = Arena::new();
    let known = serde_json::from_slice::<Value>(bytes).ok();
    let all = parse(bytes, Want::All, &arena);
    let none = parse(bytes, Want::Only(&[]), &arena);
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(all.is_some(), none.is_some(), "{text}");
    if let Some(all) = all {
        let known = known.as_ref().unwrap_or_else(|| panic!("only we read {text}"));
        assert_eq!(&all.to_value(), known, "{text}");
        assert_eq!(all.text(), known.to_string(), "{text}");
        assert_eq!(Json::of(known, &arena).text(), known.to_string());
    }
    known.map(|_| all.is_some())
}

#[test]
fn what_is_json_is_read() {
    for text in [
        "0",
        "-1",
        "1.5",
        "-0",
        "-0.0",
        "1e3",
        "1E-3",
        "0.1e+1",
        "123456789012345678",
        "18446744073709551615",
        "-9223372036854775808",
        "99999999999999999999",
        "1e308",
        " null ",
        "true",
        "\tfalse\r\n",
        "\"\"",
        "\"é\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1 , 2]",
        r#"{"a":1,"a":2,"b":{"c":[{}]}}"#,
        r#"{"b":1,"a":2,"b":{"a":3}}"#,
        r#"{"\u0061":1,"a":2}"#,
        r#""\"\\\/\b\f\n\r\t\u0041\ud83d\ude00 and more than sixteen bytes""#,
        "\"\u{7f}\"",
    ] {
        assert_eq!(check(text.as_bytes()), Some(true), "{text}");
        let inside = format!("{{\"a\": [{text}, {text} ], \"b\": {{\"c\" : {text}}}}}");
        assert_eq!(check(inside.as_bytes()), Some(true), "{inside}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "01",
        "-",
        "-a",
        "1.",
        ".5",
        "1e",
        "+1",
        "1e999",
        "nul",
        "nulll",
        "tru",
        "True",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "[",
        "{",
        "]",
        "}",
        "[}",
        "{]",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"a\nb\"",
        "\"a\u{1f}b\"",
        "1 1",
        "{} x",
        "\u{feff}1",
        "\u{a0}1",
        "/**/1",
        "NaN",
        "\"a\0",
    ] {
        assert_eq!(check(text.as_bytes()), None, "{text}");
        let inside = format!("{{\"a\": [1, {text}]}}");
        assert!(text.trim().is_empty() || check(inside.as_bytes()).is_none(), "{inside}");
    }
    for bytes in [&b"\"\xff\""[..], b"\xff", b"{\"a\":\"\xc3\"}", b"\"\xed\xa0\x80\""] {
        assert_eq!(check(bytes), None);
    }
}

#[test]
fn it_goes_as_deep_as_the_other_and_no_deeper() {
    for depth in [1, 126, 127, 128, 129, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let pairs = depth / open.matches(['[', '{']).count();
            let text = format!("{}1{}", open.repeat(pairs), close.repeat(pairs));
            let nests = pairs * open.matches(['[', '{']).count();
            assert_eq!(check(text.as_bytes()).is_some(), nests <= 127, "{open} {depth}");
        }
        let empty = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(empty.as_bytes()).is_some(), depth <= 127, "{depth}");
    }
}

#[test]
fn what_is_not_wanted_is_not_there() {
    let json =
        br#"{"x":{"a":1},"b":[{"a":1,"c":2},{"a":[{"c":3}]}],"customfield_1":{"d":4},"n":5}"#;
    let arena = Arena::new();
    let only = Want::Only(&[("b", Want::Only(&[("a", Want::All)])), ("absent", Want::All)]);
    let found = parse(json, only, &arena).unwrap().text();
    assert_eq!(found, r#"{"b":[{"a":1},{"a":[{"c":3}]}]}"#);
    let fields = Want::Fields(&[("n", Want::All)]);
    let found = parse(json, fields, &arena).unwrap().text();
    assert_eq!(found, r#"{"customfield_1":{"d":4},"n":5}"#);
}

#[test]
fn every_character_is_escaped_as_it_has_to_be() {
    let all = (0..0x100_u32).chain([0x2028, 0xffff, 0x1_f600]).filter_map(char::from_u32);
    let all = all.collect::<String>();
    for text in [all.as_str(), "", "\"", "é\n", &"x".repeat(40)] {
        let value = Value::from(vec![Value::from(text), serde_json::json!({ text: text })]);
        assert_eq!(Json::of(&value, &Arena::new()).text(), value.to_string());
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,20}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_as_it_is(value in anything()) {
        prop_assert_eq!(check(value.to_string().as_bytes()), Some(true));
        prop_assert_eq!(check(&serde_json::to_vec_pretty(&value).unwrap()), Some(true));
    }

    /// Damaged anywhere: cut, a byte replaced, a piece repeated.
    #[test]
    fn damage_is_never_overlooked(
        value in anything(), at: usize, byte in prop::sample::select(&b"\"\\{}[]:,0-e.tn \x01\xff"[..]),
        cut: bool,
    ) {
        let mut bytes = serde_json::to_vec_pretty(&value).unwrap();
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        check(&bytes);
        let mut doubled = bytes.clone();
        doubled.extend_from_slice(&bytes[bytes.len() / 2..]);
        check(&doubled);
        prop_assert!(bytes.len() <= doubled.len());
    }
}
