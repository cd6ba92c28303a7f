//! CloudFormation, read only: the stacks that the template of a run would make, for tests and tools that look their outputs
//! and resources up. The query protocol.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header};

use hardcap_core::clock::EpochMillis;
use hardcap_core::config::{Config, Stack, StackResource};
use hardcap_core::context::{Context, Platform};
use hardcap_core::percent;
use hardcap_core::serve;

/// Far above any call that is served here.
const BODY_MAX: usize = 64 * 1024;
const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const ACTIONS: [&str; 6] = [
    "DescribeStackResource",
    "DescribeStackResources",
    "DescribeStacks",
    "ListExports",
    "ListStackResources",
    "ListStacks",
];

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CloudFormation {
    platform: Platform,
    /// The stack of the run, then those that are nested in it.
    stacks: Arc<[Stack]>,
    region: Arc<str>,
    created: EpochMillis,
}

/// Why a call has no answer: its code and its message.
struct Refused {
    code: &'static str,
    message: String,
}

/// The fields of a call.
struct Form(Vec<(String, String)>);

impl Form {
    /// The value of a field that is not empty.
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, Refused> {
        self.field(name).ok_or_else(|| {
            let mut member = name.to_owned();
            member[..1].make_ascii_lowercase();
            validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }
}

fn validation(message: impl Into<String>) -> Refused {
    Refused { code: "ValidationError", message: message.into() }
}

impl CloudFormation {
    /// The stacks of a configuration whose addresses are filled in.
    pub fn new(platform: &Platform, config: &Config) -> CloudFormation {
        CloudFormation {
            platform: platform.clone(),
            stacks: config.stacks().cloned().collect(),
            region: config.region.as_str().into(),
            created: platform.clock.now(),
        }
    }

    /// Answers a call.
    pub fn handle(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let ctx = self.platform.context();
            let (head, body) = request.into_parts();
            let Some(body) = serve::read_at_most(body, BODY_MAX).await else {
                return error(
                    &ctx,
                    &validation(format!("the request has more than {BODY_MAX} bytes")),
                );
            };
            let mut fields = percent::query_pairs(&String::from_utf8_lossy(&body), &['&']);
            fields.extend(percent::query_pairs(head.uri.query().unwrap_or_default(), &['&']));
            let form = Form(fields);
            let action = form.field("Action").unwrap_or_default();
            match self.run(action, &form) {
                Ok(result) => {
                    let id = &ctx.request_id;
                    respond(
                        &ctx,
                        200,
                        format!(
                            "<{action}Response xmlns=\"{NAMESPACE}\">\n<{action}Result>\n{result}</{action}Result>\n<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\n</{action}Response>\n"
                        ),
                    )
                }
                Err(refused) => error(&ctx, &refused),
            }
        })
    }

    /// The content of an action's result.
    fn run(&self, action: &str, form: &Form) -> Result<String, Refused> {
        match action {
            "DescribeStacks" => {
                let described = match form.field("StackName") {
                    Some(name) => self.description(self.known(name)?),
                    None => self.stacks.iter().map(|stack| self.description(stack)).collect(),
                };
                Ok(format!("<Stacks>\n{described}</Stacks>\n"))
            }
            "ListStacks" => {
                let member = |stack| format!("<member>\n{}</member>\n", self.head(stack));
                let members: String = self.stacks.iter().map(member).collect();
                Ok(format!("<StackSummaries>\n{members}</StackSummaries>\n"))
            }
            "ListStackResources" => {
                let stack = self.known(form.required("StackName")?)?;
                let resources = stack.resources.iter().map(|it| self.resource(stack, it, false));
                Ok(format!(
                    "<StackResourceSummaries>\n{}</StackResourceSummaries>\n",
                    resources.collect::<String>()
                ))
            }
            "DescribeStackResources" => self.describe_resources(form),
            "DescribeStackResource" => {
                let stack = self.known(form.required("StackName")?)?;
                let logical_id = form.required("LogicalResourceId")?;
                let found = stack.resources.iter().find(|it| it.logical_id == logical_id);
                let Some(resource) = found else {
                    return Err(validation(format!(
                        "Resource {logical_id} does not exist for stack {}",
                        stack.name
                    )));
                };
                let member = self.resource(stack, resource, true);
                Ok(member.replace("member>", "StackResourceDetail>"))
            }
            "ListExports" => Ok(self.exports()),
            other => Err(Refused {
                code: "InvalidAction",
                message: format!(
                    "hardcap's CloudFormation has no action {other}; it has {}",
                    ACTIONS.join(", ")
                ),
            }),
        }
    }

    fn describe_resources(&self, form: &Form) -> Result<String, Refused> {
        let physical = form.field("PhysicalResourceId");
        let stack = match (form.field("StackName"), physical) {
            (Some(name), _) => self.known(name)?,
            (None, Some(id)) => {
                let has = |stack: &&Stack| stack.resources.iter().any(|it| it.physical_id == id);
                let missing = || validation(format!("Stack for {id} does not exist"));
                self.stacks.iter().find(has).ok_or_else(missing)?
            }
            (None, None) => {
                let text = "StackName or PhysicalResourceId must be specified";
                return Err(validation(text));
            }
        };
        let wanted = form.field("LogicalResourceId");
        let resources = (stack.resources.iter())
            .filter(|it| wanted.is_none_or(|id| id == it.logical_id))
            .map(|it| self.resource(stack, it, true));
        Ok(format!("<StackResources>\n{}</StackResources>\n", resources.collect::<String>()))
    }

    /// Only the stacks of this run are known, by their names or ids.
    fn known(&self, name: &str) -> Result<&Stack, Refused> {
        let is_it = |stack: &&Stack| name == stack.name || name == self.id(stack);
        // Recorded in many reports, such as aws/aws-cli#3505.
        let missing = || validation(format!("Stack with id {name} does not exist"));
        self.stacks.iter().find(is_it).ok_or_else(missing)
    }

    fn id(&self, stack: &Stack) -> String {
        Stack::arn_of(&stack.name, &self.region)
    }

    fn time(&self) -> String {
        let format = time::macros::format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        self.created.to_utc().format(format).unwrap_or_default()
    }

    fn head(&self, stack: &Stack) -> String {
        let mut xml = String::new();
        element(&mut xml, "StackId", &self.id(stack));
        element(&mut xml, "StackName", &stack.name);
        if !stack.description.is_empty() {
            element(&mut xml, "Description", &stack.description);
        }
        if let Some(path) = stack.parent() {
            let parent = self.stacks.iter().find(|it| it.path == path);
            parent.into_iter().for_each(|it| element(&mut xml, "ParentId", &self.id(it)));
            let root = self.stacks.first();
            root.into_iter().for_each(|it| element(&mut xml, "RootId", &self.id(it)));
        }
        element(&mut xml, "CreationTime", &self.time());
        element(&mut xml, "StackStatus", "CREATE_COMPLETE");
        xml
    }

    fn description(&self, stack: &Stack) -> String {
        let mut xml = format!("<member>\n{}", self.head(stack));
        element(&mut xml, "DisableRollback", "false");
        xml.push_str("<Parameters>\n");
        for (name, value) in &stack.parameters {
            xml.push_str("<member>");
            element(&mut xml, "ParameterKey", name);
            element(&mut xml, "ParameterValue", value);
            xml.push_str("</member>\n");
        }
        xml.push_str("</Parameters>\n<Outputs>\n");
        for output in &stack.outputs {
            xml.push_str("<member>");
            element(&mut xml, "OutputKey", &output.key);
            element(&mut xml, "OutputValue", &output.value);
            if let Some(description) = &output.description {
                element(&mut xml, "Description", description);
            }
            if let Some(name) = &output.export {
                element(&mut xml, "ExportName", name);
            }
            xml.push_str("</member>\n");
        }
        xml.push_str("</Outputs>\n<Tags></Tags>\n</member>\n");
        xml
    }

    /// A resource. A summary names the time and not the stack.
    fn resource(&self, stack: &Stack, resource: &StackResource, whole: bool) -> String {
        let mut xml = String::from("<member>");
        if whole {
            element(&mut xml, "StackId", &self.id(stack));
            element(&mut xml, "StackName", &stack.name);
        }
        element(&mut xml, "LogicalResourceId", &resource.logical_id);
        element(&mut xml, "PhysicalResourceId", &resource.physical_id);
        element(&mut xml, "ResourceType", &resource.kind);
        let time = if whole { "Timestamp" } else { "LastUpdatedTimestamp" };
        element(&mut xml, time, &self.time());
        element(&mut xml, "ResourceStatus", "CREATE_COMPLETE");
        xml.push_str("</member>\n");
        xml
    }

    fn exports(&self) -> String {
        let mut xml = String::from("<Exports>\n");
        for stack in self.stacks.iter() {
            for output in &stack.outputs {
                let Some(name) = &output.export else { continue };
                xml.push_str("<member>");
                element(&mut xml, "ExportingStackId", &self.id(stack));
                element(&mut xml, "Name", name);
                element(&mut xml, "Value", &output.value);
                xml.push_str("</member>\n");
            }
        }
        xml.push_str("</Exports>\n");
        xml
    }
}

fn element(xml: &mut String, name: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(xml, "<{name}>");
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            // XML 1.0 has no other control characters.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => xml.push('\u{fffd}'),
            c => xml.push(c),
        }
    }
    let _ = writeln!(xml, "</{name}>");
}

fn error(ctx: &Context, refused: &Refused) -> Response<Body> {
    let mut xml = format!("<ErrorResponse xmlns=\"{NAMESPACE}\">\n<Error>\n<Type>Sender</Type>\n");
    element(&mut xml, "Code", refused.code);
    element(&mut xml, "Message", &refused.message);
    let id = &ctx.request_id;
    let _ = write!(xml, "</Error>\n<RequestId>{id}</RequestId>\n</ErrorResponse>\n");
    respond(ctx, 400, xml)
}

fn respond(ctx: &Context, status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_xml_cannot_hold_is_escaped_or_replaced() {
        let mut xml = String::new();
        element(&mut xml, "A", "<&>\u{1}\n");
        assert_eq!(xml, "<A>&lt;&amp;&gt;\u{fffd}\n</A>\n");
    }
}
