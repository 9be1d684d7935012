//! Bodies as people write them, and as nobody should.

use super::*;

fn text(storage: &str) -> String {
    body_text(storage).text
}

#[test]
fn blocks_are_lines_and_inline_markup_vanishes() {
    let storage =
        "<h1>Release plan</h1><p>We ship <strong>WEB-12</strong>, then <em>rest</em>.<br/>Done?</p><ul><li>one</li><li>two</li></ul>";
    assert_eq!(text(storage), "Release plan\nWe ship WEB-12, then rest.\nDone?\none\ntwo");
    assert_eq!(text("<p>un<b>believ</b>able</p>"), "unbelievable");
    assert_eq!(text("<p>a <b>b</b> c<i> d</i></p>\n  <p>e\n f</p>"), "a b c d\ne f");
    assert_eq!(text("<table><tbody><tr><th>Key</th><td>WEB-1</td></tr><tr><td>a</td><td>b</td></tr></tbody></table>"), "Key WEB-1\na b");
}

#[test]
fn entities_become_characters() {
    assert_eq!(text("<p>caf&eacute;&nbsp;&amp;&#160;bar &lt;x&gt; &#x4e2d; &copy;</p>"), "café & bar <x> 中 ©");
    assert_eq!(text("<p>R&D, a & b, &unknown; &#xd800; &</p>"), "R&D, a & b, &unknown; &#xd800; &");
}

#[test]
fn code_is_kept_and_settings_of_macros_are_not() {
    let storage = concat!(
        r#"<ac:structured-macro ac:name="code" ac:schema-version="1"><ac:parameter ac:name="language">rust</ac:parameter>"#,
        "<ac:plain-text-body><![CDATA[if a < b && c {\n    ship(\"WEB-7\");\n}]]></ac:plain-text-body></ac:structured-macro><p>after</p>"
    );
    assert_eq!(text(storage), "if a < b && c {\n    ship(\"WEB-7\");\n}\nafter");
    let jira = r#"<p>See <ac:structured-macro ac:name="jira"><ac:parameter ac:name="server">Jira</ac:parameter><ac:parameter ac:name="key">WEB-12</ac:parameter></ac:structured-macro> now</p>"#;
    assert_eq!(text(jira), "See\nWEB-12\nnow");
    let tasks = "<ac:task-list><ac:task><ac:task-id>3</ac:task-id><ac:task-status>incomplete</ac:task-status><ac:task-body>Call Ada</ac:task-body></ac:task></ac:task-list>";
    assert_eq!(text(tasks), "Call Ada");
}

#[test]
fn links_show_titles_and_their_addresses_are_told() {
    let storage = r#"<p>As in <ac:link><ri:page ri:content-title="Q3 &amp; Q4"/></ac:link> and <a href="https://acme.example/browse/OPS-3?a=1&amp;b">this</a></p>"#;
    let body = body_text(storage);
    assert_eq!(body.text, "As in Q3 & Q4 and this");
    assert_eq!(body.links, ["https://acme.example/browse/OPS-3?a=1&b"]);
}

#[test]
fn broken_markup_is_still_text() {
    assert_eq!(text("<p>one</b> two</p></div> three"), "one two\nthree");
    assert_eq!(text("<p>one <b two"), "one");
    assert_eq!(text("no markup at all"), "no markup at all");
    assert_eq!(text(""), "");
    assert_eq!(text("<!-- hidden --><?x y?><p>shown\u{0}</p>"), "shown");
    assert!(text("a <![CDATA[never closed <b>x</b>").starts_with('a'));
}

#[test]
fn a_cut_never_splits_a_character() {
    assert_eq!(cut("naïve".into(), 3), ("na".into(), true));
    assert_eq!(cut("naïve".into(), 4), ("naï".into(), true));
    assert_eq!(cut("naïve".into(), 6), ("naïve".into(), false));
    assert_eq!(cut("中".into(), 1), (String::new(), true));
}

proptest::proptest! {
    #[test]
    fn any_text_can_be_read(storage in "[a-z<>/&;!\\[\\]\"= CDAT#x0-9\u{e9}-]{0,200}", max in 0usize..50) {
        let body = body_text(&storage);
        let (kept, _) = cut(body.text, max);
        proptest::prop_assert!(kept.len() <= max);
    }
}
