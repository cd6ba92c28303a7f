//! Templates with their results. The expected texts without another source follow Velocity's user guide.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ORDER: &str = r#"{"id": 7, "note": "it's \"new\"", "lines": [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}], "none": null}"#;

fn inputs(body: &str) -> Inputs<'_> {
    Inputs { body, ..Inputs::default() }
}

fn rendered(template: &str, body: &str) -> String {
    let parsed = Template::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    parsed.render(&inputs(body)).unwrap_or_else(|error| panic!("{template}: {error}")).text
}

fn is(template: &str, expected: &str) {
    assert_eq!(rendered(template, ORDER), expected, "{template}");
}

#[test]
fn text_without_references_and_directives_is_unchanged() {
    is(r#"{"price": "5 €", "tag": "no"}"#, r#"{"price": "5 €", "tag": "no"}"#);
    is("a $ b $5.00 # c #1 $! ${ \\n", "a $ b $5.00 # c #1 $! ${ \\n");
    is("#[[ $x #if ]]#!", " $x #if !");
    is("a#* b *#c ## d\ne", "ac e");
}

#[test]
fn a_part_of_the_body_prints_as_java_prints_maps_and_as_json_in_lists() {
    is("$input.json('$.lines[0]')", r#"{"sku":"a","n":2}"#);
    is("$input.json('$.note')", r#""it's \"new\"""#);
    is("$input.path('$.lines[0]')", "{sku=a, n=2}");
    is("$input.path('$.lines')", r#"[{"sku":"a","n":2},{"sku":"b","n":1}]"#);
    is("$input.path('$').lines[1].sku", "b");
    is("$input.path('$.lines').size()", "2");
    is("$input.path('$.lines[*].sku')", r#"["a","b"]"#);
}

#[test]
fn what_is_not_there_is_empty_and_equals_an_empty_text() {
    is("[$input.path('$.missing')|$nothing|$nothing.a.b()|$!nothing]", "[|||]");
    is("$input.json('$.missing')", "\"\"");
    is("#if($input.path('$.missing') == '')yes#{else}no#end", "yes");
    is("#if($input.path('$.none') == $null)yes#{else}no#end", "yes");
    assert_eq!(rendered("$input.body", ""), "{}");
    assert_eq!(rendered("$input.body.member", ORDER), "");
    assert_eq!(rendered("$input.json('$.a')", "not JSON"), "\"\"");
}

#[test]
fn parameters_are_searched_in_the_path_the_query_and_the_headers() {
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let (path, query) =
        (pair("id", "of path"), [pair("id", "of query"), pair("q", "x y")].concat());
    let headers = [pair("Q", "of header"), pair("X-Trace", "t")].concat();
    let inputs = Inputs { path: &path, query: &query, headers: &headers, ..Inputs::default() };
    let render = |template: &str| Template::parse(template).unwrap().render(&inputs).unwrap().text;
    assert_eq!(render("$input.params('id')|$input.params('q')"), "of path|x y");
    assert_eq!(render("$input.params('x-trace')|$input.params('z')|"), "t||");
    assert_eq!(render("$input.params().header.get('Q')"), "of header");
    let all = "#foreach($type in $input.params().keySet())$type:#foreach($name in \
               $input.params().get($type).keySet())$name#if($foreach.hasNext),#end#end;#end";
    assert_eq!(render(all), "path:id;querystring:id,q;header:Q,X-Trace;");
}

#[test]
fn util_encodes_and_decodes() {
    is("$util.escapeJavaScript($input.path('$.note'))", r#"it\'s \"new\""#);
    is(r#"$util.escapeJavaScript($input.path('$.note')).replaceAll("\\'","'")"#, r#"it's \"new\""#);
    is("$util.urlEncode('a b&c=ü')", "a+b%26c%3D%C3%BC");
    is("$util.urlDecode('a+b%26c=1&d')", "a b&c=1&d");
    is("$util.base64Encode('hé')|$util.base64Decode('aMOp')", "aMOp|hé");
    is("$util.parseJson('{\"a\": [1, 2.5]}').a[1]", "2.5");
}

#[test]
fn a_condition_has_branches_and_compares_by_value() {
    is("#if($input.path('$.id') == 7)seven#elseif(true)other#{else}none#end", "seven");
    is(
        "#if($input.path('$.id') > 7)more#elseif($input.path('$.id') >= 7 && !false)equal#end",
        "equal",
    );
    is("#if('7' == 7)same#end#if('a' != 'b' and not (1 gt 2))!#end", "same!");
    is("#if('')a text is true#end", "a text is true");
    is("#if($nothing || false)yes#{else}no#end", "no");
}

#[test]
fn a_loop_knows_its_position_and_ends_at_the_maximum() {
    is(
        "#foreach($line in $input.path('$.lines'))$foreach.index:$line.sku#if($foreach.hasNext), #end#end",
        "0:a, 1:b",
    );
    is("#foreach($n in [1..4])#if($n == 3)#break#end$velocityCount #end-$!n", "1 2 -");
    is("#foreach($n in [3..1])$n#end", "321");
    is("#set($m = {'a': 1, 'b': 2})#foreach($e in $m.entrySet())$e.key=$e.value;#end", "a=1;b=2;");
    let template = Template::parse("#foreach($n in [1..1500])x#end").unwrap();
    assert_eq!(template.render(&inputs("")).unwrap().text.len(), 1_000);
}

#[test]
fn a_variable_is_set_and_keeps_its_value() {
    is("#set($a = 2)#set($b = $a * 3 + 1)$b|${a}x|$a.x", "7|2x|");
    is("#set($s = \"n: $input.path('$.id')\")$s.length()", "4");
    is("#set($s = 'n: $a')$s", "n: $a");
    is("#set($m = {})#set($m.a = 1)#set($m['b'] = [1, 'x'])$m", "{a=1, b=[1, x]}");
    is("#set($l = [])#set($ignored = $l.add('x'))$l.size()$l.get(0)$l.contains('x')", "1xtrue");
    is("#set($n = 7 / 2)$n|#set($n = 7.0 / 2)$n|#set($n = 7 % 4)$n|#set($n = -1)$n", "3|3.5|3|-1");
    is("#set($n = 1 / 0)[$n]", "[]");
    is("#set($q = \"a \"\"b\"\"\")$q", "a \"b\"");
}

#[test]
fn texts_have_the_methods_of_java() {
    is(
        "#set($s = 'Hello')$s.toUpperCase()|$s.substring(1, 3)|$s.indexOf('l')|$s.charAt(0)",
        "HELLO|el|2|H",
    );
    is("#set($s = 'a,b,,c,,')$s.split(',').size()|$s.replace(',', ';')", "4|a;b;;c;;");
    is(
        "#set($s = 'x-12')$s.replaceAll('([a-z])-', '$1')|$s.matches('[a-z]')|$s.startsWith('x')",
        "x12|false|true",
    );
    is("#set($i = 0)$i.parseInt('41')|$i.compareTo(1)", "41|-1");
}

#[test]
fn white_space_after_directives_is_not_rendered() {
    is("{\n#set($a = 1)\n  #if($a == 1)\n  \"a\": $a\n  #end\n}", "{\n    \"a\": 1\n  }");
    is("#foreach($n in [1..2])\n$n\n#end\ndone", "1\n2\ndone");
}

#[test]
fn macros_and_blocks_are_rendered_where_they_are_called() {
    is("#macro(pair $k $v)\"$k\": $v#end{#pair('a' 1), #pair(\"b\", 2)}", "{\"a\": 1, \"b\": 2}");
    is("#define($block)<$n>#end#set($n = 5)$block$block", "<5><5>");
    is("#unknown('x') #notADirective", "#unknown('x') #notADirective");
    is("a#{stop}b", "a");
}

#[test]
fn a_backslash_shows_a_reference_and_a_directive() {
    is("#set($a = 1)\\$a|\\\\$a|\\#set|\\$none", "$a|\\1|#set|\\$none");
}

#[test]
fn what_a_template_overrides_is_in_the_context_afterwards() {
    let template = "#set($context.requestOverride.header.X-Amz-Target = 'T')\
                    #set($name = 'q')#set($context.requestOverride.querystring[$name] = 'v')\
                    $context.requestOverride.path.put('p', 'w')\
                    #set($context.responseOverride.status = 201)#set($context.custom = 'x')$context.stage";
    let context = json!({"stage": "dev"});
    let inputs = Inputs { context: &context, ..Inputs::default() };
    let rendered = Template::parse(template).unwrap().render(&inputs).unwrap();
    assert_eq!(rendered.text, "dev");
    let expected = json!({
        "stage": "dev",
        "requestOverride": {"header": {"X-Amz-Target": "T"}, "querystring": {"q": "v"}, "path": {"p": "w"}},
        "responseOverride": {"header": {}, "status": 201},
        "custom": "x",
    });
    assert_eq!(rendered.context, expected);
}

#[test]
fn a_syntax_error_names_its_place() {
    for (template, expected) in [
        ("a\n  #if(true) b", "line 2, column 14: #end is missing"),
        ("#end", "line 1, column 5: #end without a directive that it ends"),
        ("#set(a = 1)", "line 1, column 6: #set needs a reference, such as `$name`"),
        ("#set($a 1)", "line 1, column 9: `=` is expected"),
        ("$a.b(", "line 1, column 6: an expression is expected"),
        ("#set($a = \"x)", "line 1, column 11: the text is not closed with \""),
    ] {
        let error = Template::parse(template).unwrap_err();
        assert_eq!(error.to_string(), expected, "{template}");
    }
}

#[test]
fn a_hostile_template_ends_within_its_bounds() {
    let result = |template: &str| {
        Template::parse(template)
            .map(|template| template.render(&inputs("")).map(|it| it.text.len()))
    };
    assert_eq!(result("$l#set($l = [1..2000000000])"), Ok(Err(RenderError::Steps(2_000_000))));
    let nested =
        "#foreach($a in [1..999])#foreach($b in [1..999])#foreach($c in [1..999])#end#end#end";
    assert_eq!(result(nested), Ok(Err(RenderError::Steps(2_000_000))));
    let doubling = "#set($s = 'xxxxxxxx')#foreach($n in [1..99])#set($s = $s + $s)#end";
    assert_eq!(result(doubling), Ok(Err(RenderError::Size(64 * 1024 * 1024))));
    let quadratic = "#foreach($n in [1..99])#set($s = \"$s$s x\")#end$s";
    assert_eq!(result(quadratic), Ok(Err(RenderError::Size(64 * 1024 * 1024))));
    assert_eq!(result("#macro(m)#m()#end#m()"), Ok(Err(RenderError::Depth(20))));
    assert_eq!(result("#define($d)$d#end$d"), Ok(Err(RenderError::Depth(20))));
    assert_eq!(result("#set($l = [])$l.add($l)$l"), Ok(Ok("true".len() + 2 * 100)));
    for deep in ["(".repeat(5_000), "[".repeat(5_000), "!".repeat(5_000), "$a[".repeat(5_000)] {
        let error = result(&format!("#set($a = {deep}")).unwrap_err();
        assert!(error.what.contains("levels"), "{error}");
    }
    let quotes =
        (0..12).fold("$x".to_owned(), |inner, _| format!("\"{}\"", inner.replace('"', "\"\"")));
    assert!(result(&format!("#set($a = {quotes})$a")).is_ok());
}

proptest! {
    #[test]
    fn no_text_panics(template in "[$#{}()\\[\\].a!'\"0-9 \\\\,=\\n]{0,60}", body in ".{0,20}") {
        if let Ok(template) = Template::parse(&template) {
            let _ = template.render(&inputs(&body));
        }
    }

    #[test]
    fn a_template_of_directives_never_panics(parts in proptest::collection::vec(
        proptest::sample::select(vec![
            "#if(", "#foreach(", "#set(", "#end", "#else", "#elseif(", "#macro(", "#define(", "$a", "${", "}", ")", " in ",
            "[1..3]", "=", "'x'", "\"$a\"", ".b", ".size()", "[", "]", "\n", "##", "#*", "*#", "$context.x", "+", "1", "\\",
        ]), 0..24,
    )) {
        if let Ok(template) = Template::parse(&parts.concat()) {
            let _ = template.render(&inputs("{\"a\": 1}"));
        }
    }

    #[test]
    fn a_text_without_special_characters_is_unchanged(text in "[^$#]{0,80}") {
        prop_assert_eq!(rendered(&text, ""), text.trim());
    }

    #[test]
    fn no_path_panics(path in "[$.\\[\\]'\"*?(@=<>&|) a-c0-9:,-]{0,30}") {
        let _ = json_path(&json!({"a": [1, {"b": "c"}], "b": {"a": null}}), &path);
    }
}
