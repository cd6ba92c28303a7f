//! Paths with what they select.

use serde_json::json;

use super::*;

fn selected(path: &str) -> Value {
    let value = json!({
        "a": {"b c": [10, 20, 30], "d": "text"},
        "list": [{"id": 1, "n": "x"}, {"id": 2, "n": "y"}, {"id": 3}],
    });
    match json_path(&value, path) {
        Ok(selected) => selected.unwrap_or(json!("nothing")),
        Err(error) => json!(error.to_string()),
    }
}

#[test]
fn a_definite_path_selects_a_value_or_nothing() {
    assert_eq!(selected("$.a.d"), json!("text"));
    assert_eq!(selected("a.d"), json!("text"));
    assert_eq!(selected("$['a']['b c'][-1]"), json!(30));
    assert_eq!(selected("$.list[1].n"), json!("y"));
    assert_eq!(selected("$.list.length()"), json!(3));
    assert_eq!(selected("$.a.x.y"), json!("nothing"));
    assert_eq!(selected("$.list[9]"), json!("nothing"));
    assert_eq!(selected("$.list[-9]"), json!("nothing"));
    assert_eq!(selected("$")["a"]["d"], json!("text"));
    assert_eq!(selected("$.")["a"]["d"], json!("text"));
}

#[test]
fn any_other_path_selects_a_list() {
    assert_eq!(selected("$.list[*].id"), json!([1, 2, 3]));
    assert_eq!(selected("$..id"), json!([1, 2, 3]));
    assert_eq!(selected("$.a['b c'][0,2]"), json!([10, 30]));
    assert_eq!(selected("$.a['b c'][1:]"), json!([20, 30]));
    assert_eq!(selected("$.a['b c'][-2:-1]"), json!([20]));
    assert_eq!(selected("$.a.*")[1], json!("text"));
    assert_eq!(selected("$.x[*]"), json!([]));
}

#[test]
fn several_names_select_an_object_of_these_members() {
    assert_eq!(selected("$.list[0]['id','n']"), json!({"id": 1, "n": "x"}));
    assert_eq!(selected("$.list[1:]['id', 'n']"), json!([{"id": 2, "n": "y"}, {"id": 3}]));
}

#[test]
fn a_filter_compares_and_combines() {
    assert_eq!(selected("$.list[?(@.id == 2)].n"), json!(["y"]));
    assert_eq!(selected("$.list[?(@.id=='2')].n"), json!(["y"]));
    assert_eq!(selected("$.list[?(@.n)].id"), json!([1, 2]));
    assert_eq!(selected("$.list[?(!@.n)].id"), json!([3]));
    assert_eq!(selected("$.list[?(@.id > 1 && @.n != 'x')].id"), json!([2, 3]));
    assert_eq!(selected("$.list[?(@.id <= 1 || @.n == \"y\")].id"), json!([1, 2]));
    assert_eq!(selected("$.list[?((@.id==1||@.id==3)&&@.n)].id"), json!([1]));
    assert_eq!(selected("$.list[?(@.id in [1, 3])].id"), json!([1, 3]));
    assert_eq!(selected("$.list[?(@.n nin ['x'])].id"), json!([2, 3]));
    assert_eq!(selected("$.list[?(@.n =~ /[XZ]/i)].id"), json!([1]));
    assert_eq!(selected("$.list[?(@.id == $.list[1].id)].n"), json!(["y"]));
    assert_eq!(selected("$.list[?(@.n size 1)].id"), json!([1, 2]));
}

#[test]
fn a_filter_applies_to_an_object_itself() {
    assert_eq!(selected("$.a[?(@.d == 'text')]['d']"), json!(["text"]));
    assert_eq!(selected("$.a[?(@.length)]"), json!([]));
    assert_eq!(selected("$..[?(@.id > 1)].id"), json!([2, 3]));
}

#[test]
fn a_text_that_is_not_a_path_is_an_error() {
    for path in ["$..", "$.a[", "$.a['b]", "$.a[x]", "$.a[?(@.b ==)]", "$.a.b c", "$.a[?(1)]", ""] {
        let result = json_path(&json!({}), path);
        assert_eq!(result, Err(PathError::Syntax(path.to_owned())), "{path}");
    }
}

#[test]
fn a_path_that_selects_too_much_is_an_error() {
    let mut value = json!("x".repeat(1_000));
    for _ in 0..100 {
        value = json!([value, 1]);
    }
    let wide = json!(vec![value; 100]);
    assert!(matches!(json_path(&wide, "$..*"), Ok(Some(Value::Array(all))) if all.len() == 20_100));
    assert_eq!(json_path(&wide, "$..*..*"), Err(PathError::Size("$..*..*".to_owned())));
    assert_eq!(json_path(&wide, "$[?(@..*..*)]"), Err(PathError::Size("$[?(@..*..*)]".to_owned())));
}
