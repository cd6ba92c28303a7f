//! Templates and requests that try to use too much.

use super::*;

const STEPS: Result<Result<usize, RenderError>, SyntaxError> =
    Ok(Err(RenderError::Steps(2_000_000)));
const SIZE: Result<Result<usize, RenderError>, SyntaxError> =
    Ok(Err(RenderError::Size(67_108_864)));

fn result(template: &str) -> Result<Result<usize, RenderError>, SyntaxError> {
    let template = Template::parse(template)?;
    Ok(template.render(&inputs(ORDER)).map(|it| it.text.len()))
}

#[test]
fn loops_end_within_the_steps() {
    let nested =
        "#foreach($a in [1..999])#foreach($b in [1..999])#foreach($c in [1..999])#end#end#end";
    assert_eq!(result(nested), STEPS);
    assert_eq!(result("#set($l = [1..2000000000])"), STEPS);
    assert_eq!(result("#set($l = [-9223372036854775808..9223372036854775807])"), STEPS);
    assert_eq!(result("#define($d)$d$d$d#end$d"), STEPS);
}

#[test]
fn texts_and_lists_end_within_the_size() {
    assert_eq!(result("#set($s = 'xxxxxxxx')#foreach($n in [1..99])#set($s = $s + $s)#end"), SIZE);
    assert_eq!(result("#set($s = 'xxxxxxxx')#foreach($n in [1..99])#set($s = \"$s$s\")#end"), SIZE);
    assert_eq!(result("#set($s = 'xxxxxxxx')$s.repeat(2000000000)"), SIZE);
    assert_eq!(result("#set($s = 'x')#set($s = $s.repeat(9999))$s.replace('', $s)"), SIZE);
    assert_eq!(result("#set($s = 'x')#set($s = $s.repeat(9999))$s.replaceAll('', $s)"), SIZE);
    assert_eq!(
        result("#set($l = [1..9])#foreach($n in [1..99])#set($i = $l.addAll($l))#end"),
        SIZE
    );
    assert_eq!(
        result("#set($n = 9)#foreach($i in [1..99])#set($n = $n * $n)#end"),
        Ok(Err(RenderError::Number(8_192)))
    );
}

#[test]
fn lists_that_contain_one_list_twice_end_within_the_bounds() {
    let doubled = "#set($l = ['xxxxxxxx'])#foreach($n in [1..60])#set($l = [$l, $l])#end";
    assert_eq!(result(&format!("{doubled}$l")), STEPS);
    assert_eq!(result(&format!("{doubled}#if($l == 'a')#end")), STEPS);
    assert_eq!(result(&format!("{doubled}#set($context.x = $l)")), SIZE);
    assert_eq!(result(&format!("{doubled}#set($m = {{$l: 1}})")), STEPS);
    assert_eq!(result(&format!("{doubled}$util.base64Encode($l)")), STEPS);
}

#[test]
fn a_list_may_contain_itself() {
    assert_eq!(result("#set($l = [])$l.add($l)$l"), Ok(Ok("true".len() + 2 * 100)));
    assert_eq!(result("#set($m = {})#set($m.a = $m)$m.a.a.a.size()"), Ok(Ok(1)));
    assert_eq!(result("#set($l = [])$l.add($l)#if($l == $l)x#end$l.contains($l)"), Ok(Ok(9)));
    assert_eq!(result("#set($l = [])#set($k = [$l])$l.addAll([$k])#if($l == [])x#end"), Ok(Ok(4)));
    assert_eq!(result("#set($context.x = {})#set($context.x.y = $context)"), Ok(Ok(0)));
}

#[test]
fn values_may_be_nested_more_deeply_than_the_stack_is() {
    let loops = |body: &str| {
        format!("#set($v = [])#foreach($a in [1..80])#foreach($b in [1..999]){body}#end#end")
    };
    assert_eq!(result(&loops("#set($v = [$v])")), Ok(Ok(0)));
    assert_eq!(result(&loops("#set($v = {'a': $v})")), Ok(Ok(0)));
    let entries = loops("#set($m = {'a': $v})#foreach($v2 in $m.entrySet())#set($v = $v2)#end");
    assert_eq!(result(&entries), Ok(Ok(0)));
}

#[test]
fn deep_templates_are_errors_and_long_ones_are_not() {
    for deep in ["(", "[", "!", "$a[", "{1:", "$a.b(", "not "] {
        let error = result(&format!("#set($a = {}", deep.repeat(5_000))).unwrap_err();
        assert!(error.what.contains("levels"), "{deep}: {error}");
    }
    for deep in
        ["#if(true)", "#foreach($a in [1])", "#define($a)", "#@a()", "#macro(a)", "#literal()"]
    {
        let error = result(&deep.repeat(5_000)).unwrap_err();
        assert!(error.what.contains("levels"), "{deep}: {error}");
    }
    let ifs = |inner: &str| format!("{}{inner}{}", "#if(true)".repeat(95), "#end".repeat(95));
    assert_eq!(result(&ifs("x")), Ok(Ok(1)));
    let block = format!(
        "#define($d){}#end$d",
        ifs("$d").replacen("#if(true)", "", 1).replacen("#end", "", 1)
    );
    assert_eq!(result(&block), Ok(Err(RenderError::Depth(200))));
    let lists = format!("{}$d{}", "[".repeat(80), "]".repeat(80));
    let text = format!("#define($d)#set($x = {lists})#end$d");
    assert_eq!(result(&text), Ok(Err(RenderError::Depth(200))));
    let quotes =
        (0..12).fold("$x".to_owned(), |inner, _| format!("\"{}\"", inner.replace('"', "\"\"")));
    assert!(result(&format!("#set($a = {quotes})$a")).is_ok());
    assert_eq!(result(&format!("#set($a = 1{})$a", " + 1".repeat(50_000))), Ok(Ok(5)));
    assert_eq!(result(&format!("#if(true{})x#end", " && true".repeat(50_000))), Ok(Ok(1)));
    assert_eq!(result(&format!("#if(false){}#end", "#elseif(false)".repeat(50_000))), Ok(Ok(0)));
    assert_eq!(result(&format!("$a{}", ".b".repeat(50_000))), Ok(Ok(0)));
}

#[test]
fn patterns_end_within_the_steps() {
    let long = "#set($s = 'aaaaaaaaaaaaaaaaaaaaaaaa')#set($s = $s.repeat(40000))";
    let repeated = "#foreach($n in [1..999])#if($s.matches('(a|a)*b'))#end#end";
    assert_eq!(result(&format!("{long}{repeated}")), STEPS);
    assert_eq!(result(&format!("{long}$s.matches('((a{{30}}){{30}}){{30}}')")), STEPS);
    let compiled = "#foreach($m in [1..999])#foreach($n in [1..999])$m.toString().matches('[a-z]{1,50}x{1,50}')#end#end";
    assert_eq!(result(compiled), STEPS);
}

#[test]
fn a_template_without_cycles_and_one_with_them_free_their_memory() {
    // Each rendering makes 20 MB. A leak of them would be 1.6 GB.
    let template = "#set($s = 'xxxxxxxxxx')#set($l = [])#set($i = $l.add($s.repeat(2000000)))#set($i = $l.add($l))";
    for _ in 0..80 {
        assert_eq!(result(template), Ok(Ok(0)));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|it| it.trim().trim_end_matches(" kB").parse::<u64>().ok());
    assert!(kilobytes.is_none_or(|it| it < 1_000_000), "{kilobytes:?} kB");
}

#[test]
fn a_body_is_parsed_once_and_copies_are_counted() {
    let body = json!({"all": vec![json!({"name": "x".repeat(100)}); 50_000]}).to_string();
    let render = |template: &str| {
        let template = Template::parse(template).unwrap();
        template.render(&inputs(&body)).map(|it| it.text.len())
    };
    assert_eq!(
        render("#foreach($n in [1..999])$input.path('$.all[7].name').length()#end"),
        Ok(2_997)
    );
    assert_eq!(render("$input.json('$')"), Ok(body.len()));
    assert_eq!(
        render("#foreach($n in [1..999])#set($i = $input.path('$'))#end"),
        Err(RenderError::Size(67_108_864))
    );
    assert_eq!(
        render("#foreach($n in [1..999])#set($i = $input.path('$..x'))#end"),
        Err(RenderError::Steps(2_000_000))
    );
    assert_eq!(render("#foreach($n in [1..999])#set($i = $input.path('$.all[-1:]'))#end"), Ok(0));
}
