//! The OpenAPI document, made from the endpoint table and the wire types.

use super::endpoint::{Endpoint, Need, Verb};
use super::router::ENDPOINTS;
use rampart_api::{error::Error, rest::conversation::ConversationVerbose};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, ContentBuilder, HttpMethod, Info, License, OpenApi, OpenApiBuilder, Paths, Ref,
        RefOr, Required, ResponseBuilder, ResponsesBuilder,
        path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{ObjectBuilder, Schema, Type},
        security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme},
    },
};

type Schemas = Vec<(String, RefOr<Schema>)>;

/// As text, two spaces deep, with an end of line.
pub fn document() -> String {
    let mut text = build().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn build() -> OpenApi {
    let mut schemas = Schemas::new();
    schemas.push((Error::name().into_owned(), Error::schema()));
    Error::schemas(&mut schemas);
    // What `verbose=true` answers.
    super::endpoint::schema_of::<ConversationVerbose>(&mut schemas);
    let mut paths = Paths::new();
    for endpoint in ENDPOINTS {
        let operation = operation(endpoint, &mut schemas);
        paths.add_path_operation(endpoint.path, vec![method(endpoint.verb)], operation);
    }
    let mut components = Components::new();
    schemas.sort_by(|a, b| a.0.cmp(&b.0));
    components.schemas.extend(schemas);
    components.add_security_scheme("token", header("X-Auth-Token"));
    components.add_security_scheme("apikey", header("X-Auth-Apikey"));
    let mut info = Info::new("Rampart", env!("CARGO_PKG_VERSION"));
    info.description = Some("Container security: the paths, bodies and codes of NeuVector's REST API, and what Rampart adds, marked as such.".to_owned());
    info.license = Some(License::new("Apache-2.0"));
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components))
        .build()
}

fn header(name: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)))
}

fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Patch => HttpMethod::Patch,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn operation(endpoint: &Endpoint, schemas: &mut Schemas) -> utoipa::openapi::path::Operation {
    let tag = endpoint.handler.split("::").next().unwrap_or_default();
    let mut builder = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(endpoint.handler.replace("::", "_")))
        .summary(Some(endpoint.summary))
        .description(Some(need(endpoint.need)))
        .responses(responses(endpoint, schemas));
    for name in endpoint.path.split(['{', '}']).skip(1).step_by(2) {
        builder = builder.parameter(parameter(name, ParameterIn::Path, "", Type::String));
    }
    let query = match endpoint {
        _ if endpoint.list => QUERY,
        _ if is_sbom(endpoint) => SBOM_QUERY,
        _ => &[],
    };
    for (name, kind, help) in query {
        builder = builder.parameter(parameter(name, ParameterIn::Query, help, kind.clone()));
    }
    if let Some(body) = endpoint.body {
        let content = ContentBuilder::new()
            .schema(Some(RefOr::Ref(body(schemas))))
            .build();
        let body = RequestBodyBuilder::new()
            .content("application/json", content)
            .required(Some(Required::True));
        builder = builder.request_body(Some(body.build()));
    }
    if endpoint.need != Need::Open {
        let none = || std::iter::empty::<String>();
        builder = builder
            .security(SecurityRequirement::new("token", none()))
            .security(SecurityRequirement::new("apikey", none()));
    }
    builder.build()
}

const QUERY: &[(&str, Type, &str)] = &[
    (
        "start",
        Type::Integer,
        "Rows to skip; negative pages backward from the end.",
    ),
    ("limit", Type::Integer, "Rows of the page; 0 is all."),
    (
        "brief",
        Type::Boolean,
        "Less of each row, where there is less.",
    ),
    (
        "f_name",
        Type::String,
        "A filter, for any field: `value` or `op,value`, op being eq, neq, in, notin, gt, gte, lt, lte or prefix.",
    ),
    (
        "s_name",
        Type::String,
        "A sort, for any field: `asc` or `desc`.",
    ),
];

const SBOM_QUERY: &[(&str, Type, &str)] = &[
    (
        "format",
        Type::String,
        "`cyclonedx` (1.6, the default), `cyclonedx-1.5`, `spdx` (2.3 as JSON) or `spdx-tag-value`.",
    ),
    (
        "vulnerabilities",
        Type::Boolean,
        "CycloneDX with the vulnerabilities found; `false` is the default.",
    ),
];

/// What these answer is a file, in one of several formats.
fn is_sbom(endpoint: &Endpoint) -> bool {
    endpoint.path.ends_with("/sbom")
}

fn parameter(name: &str, place: ParameterIn, help: &str, kind: Type) -> Parameter {
    let required = if place == ParameterIn::Path {
        Required::True
    } else {
        Required::False
    };
    let schema = ObjectBuilder::new().schema_type(kind).build();
    let builder = ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required);
    let builder = if help.is_empty() {
        builder
    } else {
        builder.description(Some(help))
    };
    builder
        .schema(Some(RefOr::T(Schema::Object(schema))))
        .build()
}

fn need(need: Need) -> String {
    match need {
        Need::Open => "Needs nothing.".to_owned(),
        Need::SignedIn => "Needs a session or an API key.".to_owned(),
        Need::Scanner => "Needs a scanner's token in `X-Scanner-Token`.".to_owned(),
        Need::Read(p) => format!("Needs `{}`, to read, everywhere.", p.id()),
        Need::Write(p) => format!("Needs `{}`, to write, everywhere.", p.id()),
        Need::ReadDomain(p) => format!(
            "Needs `{}`, to read, in the domain of what is asked for.",
            p.id()
        ),
        Need::WriteDomain(p) => format!(
            "Needs `{}`, to write, in the domain of what is changed.",
            p.id()
        ),
    }
}

fn responses(endpoint: &Endpoint, schemas: &mut Schemas) -> utoipa::openapi::Responses {
    let kinds: &[&str] = match endpoint.path {
        "/v1/live" => &["text/event-stream"],
        _ if is_sbom(endpoint) => &["application/vnd.cyclonedx+json", "application/spdx+json"],
        _ => &["application/json"],
    };
    let content = ContentBuilder::new()
        .schema(Some(RefOr::Ref((endpoint.answer)(schemas))))
        .build();
    let mut done = ResponseBuilder::new().description("Done");
    for kind in kinds {
        done = done.content(*kind, content.clone());
    }
    let error = ContentBuilder::new()
        .schema(Some(RefOr::Ref(Ref::from_schema_name(Error::name()))))
        .build();
    let failed = ResponseBuilder::new()
        .description("Not done; the body says why")
        .content("application/json", error);
    ResponsesBuilder::new()
        .response("200", done.build())
        .response("default", failed.build())
        .build()
}
