//! Templates with their results. The expected texts without another source follow Velocity's user guide.

mod bounds;

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
    is("a $ b $5.00 # c #1 $[0] ${ \\n", "a $ b $5.00 # c #1 $[0] ${ \\n");
    is(" a\n ", " a\n ");
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
    is("#if(($input.path('$.id') + 1) * 2 == 16)yes#end", "yes");
}

#[test]
fn a_condition_is_true_for_each_reference_that_is_not_false() {
    is("#if($nothing)yes#{else}no#end|#if($nothing.a.b())yes#end|#if(!$nothing)no#end", "yes|yes|");
    is("#set($empty = '')#if($empty)yes#end|#set($f = false)#if($f)yes#{else}no#end", "yes|no");
    is("#if($nothing || false)yes#{else}no#end", "yes");
}

#[test]
fn a_condition_is_false_for_literals_and_arithmetic() {
    for literal in ["'a'", "1", "[1]", "{}", "1 + 1", "\"$nothing\"", "'a' && true"] {
        is(&format!("#if({literal})yes#{{else}}no#end"), "no");
    }
    is("#if(true && (1 == 1))yes#end", "yes");
}

#[test]
fn a_loop_knows_its_position_and_ends_at_the_maximum() {
    is(
        "#foreach($line in $input.path('$.lines'))$foreach.index:$line.sku#if($foreach.hasNext), #end#end",
        "0:a, 1:b",
    );
    is("#foreach($n in [1..4])#if($n == 3)#break#end$velocityCount #end-$!n", "1 2 -");
    is("#foreach($n in [1..3])$n#if($velocityHasNext),#end#end", "1,2,3");
    is(
        "#foreach($a in [1..2])#foreach($b in [1..2])$foreach.parent.count$foreach.topmost.last #end#end",
        "1false 1false 2true 2true ",
    );
    is("#foreach($a 'of' [1])x#end#foreach($a in 'text')x#end#foreach($a in $nothing)x#end", "x");
    is("#foreach($n in [3..1])$n#end", "321");
    is(
        "#set($m = {'a': 1, 'b': 2})#foreach($e in $m.entrySet())$e.key=$e.value;$e;#end",
        "a=1;a=1;b=2;b=2;",
    );
    is("#foreach($v in {'a': 1, 'b': 2})$v#end", "12");
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
    is("#set($n = 1 / 0)[$n]|#set($n = 4)#set($n = 1 / 0)$n|#set($n = 'a' - 1)$n", "[]|4|4");
    is(
        "#set($n = .5 * .1)$n|#set($n = 1e3)$n|#set($n = 5.)$n|#set($n = 1.0E-5)$n",
        "0.05|1000.0|5.0|1.0E-5",
    );
    is(
        "#set($n = 9223372036854775807 + 1)$n|#set($n = $n - 1)$n",
        "9223372036854775808|9223372036854775807",
    );
    is(
        "#set($n = 'b' > 'a')$n|#set($n = 1 < 2 && 2 <= 2)$n|#set($n = 3 == 3.0)$n",
        "false|true|true",
    );
    is("#set(${n} = 1)[$n]#set($!n = 1)[$n]", "[][]");
    is("#set($l = [1, 2])#set($l[-1] = 3)$l|$l[-2]|$l[0]", "[1, 3]|1|1");
    is("#set($m = {1: 'a'})$m[1]|$m['1']|$m.get(1)", "a||a");
    is("#set($q = \"a \"\"b\"\"\")$q#set($q = 'it''s \\n')$q", "a \"b\"it's \\n");
    is("#set($q = \"\\u00e9#if(true)y#end\")$q", "éy");
    is("#set($m = {})#set($ignored = $m.put('k', null))$m.k|$m", "|{k=null}");
}

#[test]
fn texts_have_the_methods_of_java() {
    is(
        "#set($s = 'Hello')$s.toUpperCase()|$s.substring(1, 3)|$s.indexOf('l')|$s.charAt(0)",
        "HELLO|el|2|H",
    );
    is(
        "#set($s = 'abc')$s.compareTo('abd')|$s.compareTo('ab')|$s.indexOf('z')|$s.concat(1)|",
        "-1|1|-1||",
    );
    is("#set($s = 'a,b,,c,,')$s.split(',').size()|$s.replace(',', ';')", "4|a;b;;c;;");
    is(
        "#set($s = 'x-12')$s.replaceAll('([a-z])-', '$1')|$s.matches('[a-z]')|$s.startsWith('x')",
        "x12|false|true",
    );
    is(
        "#set($s = 'a1é2')$s.replaceAll('\\d', '.')|$s.replaceAll('[^\\w.]+', '\\$')|$s.replaceAll('x*', '-')",
        "a.é.|a1$2|-a-1-é-2-",
    );
    is("#set($i = 0)$i.parseInt('41')|$i.compareTo(1)|$i.toHexString(255)", "41|-1|ff");
}

#[test]
fn white_space_after_directives_is_not_rendered() {
    is("{\n#set($a = 1)\n  #if($a == 1)\n  \"a\": $a\n  #end\n}", "{\n    \"a\": 1\n  }");
    is("#set($a = 1)\n  #set($b = 2)\nx\n  #set($c = 3)\ny", "x\n  y");
    is("#unknown()\nx#if(true) \t\r\ny#end", "#unknown()\nxy");
    is("#foreach($n in [1..2])\n$n\n#end\ndone", "1\n2\ndone");
}

#[test]
fn blocks_are_rendered_where_they_are_called() {
    is("#define($block)<$n>#end#set($n = 5)$block$block", "<5><5>");
    is("#define($block)a#end#if($block == 'a')same#end$block.length()", "same");
    is("#define($block)a#break b#end[$block]", "[a]");
    is("#define($again)x$again#end$again", &format!("{}$again", "x".repeat(20)));
}

#[test]
fn macros_and_unknown_directives_are_text() {
    is("#macro(pair $k $v)$k: $v#end#pair('a' 1)", "#pair('a' 1)");
    is(
        "#unknown('x' word)\n #notADirective #{a} #fff",
        "#unknown('x' word)\n #notADirective #{a} #fff",
    );
    is("#evaluate('$x') #include('f') #parse('f')", "#evaluate('$x') #include('f') #parse('f')");
    is("#@wrap('x') a #if(true)b#end #end.", "#@wrap('x') a #if(true)b#end #end.");
    is("#literal() $x #end.", " $x .");
}

#[test]
fn stop_ends_the_template_wherever_it_is() {
    is("a#{stop}b", "a");
    is("#foreach($n in [1..3])$n#stop#end!", "1");
    is("a#set($text = \"b#stop c\")$text", "a");
    is("#define($block)b#stop#end a$block c", " ab");
}

#[test]
fn a_backslash_shows_a_reference_and_a_directive() {
    is("#set($a = 1)\\$a|\\\\$a|\\\\\\$a|\\$!{a}|\\$none", "$a|\\1|\\$a|$!{a}|$none");
    is("\\#set|\\\\#if(true)x#end|\\#other|\\\\#other|\\# a", "#set|\\x|\\#other|\\\\#other|\\# a");
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
fn a_method_that_fails_in_java_is_an_error() {
    let error = |template: &str| {
        Template::parse(template).unwrap().render(&inputs("")).unwrap_err().to_string()
    };
    assert_eq!(
        error("#set($s = 'abc')$s.substring(4)"),
        "the method `substring` of the mapping template failed: the range is out of bounds"
    );
    assert_eq!(
        error("#set($l = [1])$l[1]"),
        "the method `get` of the mapping template failed: the index 1 is out of bounds"
    );
    assert_eq!(
        error("#set($i = 0)$i.parseInt('1x')"),
        "the method `parseInt` of the mapping template failed: \"1x\" is not a number"
    );
    assert_eq!(
        error("#set($s = 'a')$s.matches('(?=a)')"),
        "the method `matches` of the mapping template failed: the pattern \"(?=a)\" is not supported"
    );
    assert_eq!(
        error("#set($s = '')$s.format('%d', 1)"),
        "the method `format` of the mapping template failed: hardcap does not emulate it"
    );
    is("#set($l = [1])$l.get('0')|$l.noMethod()|$l.size.length()", "||");
}

#[test]
fn a_syntax_error_names_its_place() {
    for (template, expected) in [
        ("a\n  #if(true) b", "line 2, column 6: #end is missing"),
        ("#end", "line 1, column 1: #end without a directive that it ends"),
        ("#set(a = 1)", "line 1, column 6: #set needs a reference, such as `$name`"),
        ("#set($a 1)", "line 1, column 9: `=` is expected"),
        ("#set($a = 1 -2)", "line 1, column 13: `)` is expected"),
        ("#set($a = null)", "line 1, column 11: a value is expected"),
        ("#set($a = [1 + 2])", "line 1, column 14: `,` is expected"),
        ("$a.b(1 + 2)", "line 1, column 8: `,` is expected"),
        ("$a[b]", "line 1, column 4: a value is expected"),
        ("${a", "line 1, column 4: `}` is expected"),
        ("a $", "line 1, column 4: a text cannot end with `$`"),
        ("#[[ a", "line 1, column 1: the literal text is not closed with `]]#`"),
        ("#foreach(a in [1])#end", "line 1, column 9: #foreach needs a variable, such as `$name`"),
        ("#foo(a.b)", "line 1, column 7: a value is expected"),
        ("#set($a = \"x)", "line 1, column 11: the text is not closed with \""),
        (
            "#set($a = \"#if(1)\")",
            "line 1, column 11: the text in quotes is not a template: #end is missing",
        ),
    ] {
        let error = Template::parse(template).unwrap_err();
        assert_eq!(error.to_string(), expected, "{template}");
    }
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
        prop_assert_eq!(rendered(&text, ""), text);
    }

    #[test]
    fn no_path_panics(path in "[$.\\[\\]'\"*?(@=<>&|) a-c0-9:,-]{0,30}") {
        let _ = json_path(&json!({"a": [1, {"b": "c"}], "b": {"a": null}}), &path);
    }
}
