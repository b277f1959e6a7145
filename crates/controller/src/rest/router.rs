//! The endpoint table, and the router made from it.

use super::{
    Rest, api_key, auth, config, conversation, detection, domain,
    endpoint::{Endpoint, Need, Verb, schema_of},
    error::Failure,
    eula, group, guard, layer, live, log, misc, node, password, policy, profile, registry,
    response, role, sbom, scan, scanner, service, system, user, vulnerability, what_if, workload,
};
use crate::auth::Permission as P;
use axum::{Router, middleware, response::IntoResponse, routing};
use rampart_api::{
    error::ErrorKind,
    rest::{
        Empty, api_key::*, auth::*, config::*, conversation::*, detection::*, domain::*, eula::*,
        fed::*, file::*, group::*, list::*, live::*, log::*, node::*, password::*, policy::*,
        process::*, registry::*, response::*, role::*, scan::*, service::*, session::*, stats::*,
        system::*, user::*, vulnerability::*, what_if::*, workload::*,
    },
};

macro_rules! verb {
    (GET) => {
        Verb::Get
    };
    (LIST) => {
        Verb::Get
    };
    (POST) => {
        Verb::Post
    };
    (PATCH) => {
        Verb::Patch
    };
    (DELETE) => {
        Verb::Delete
    };
}
macro_rules! route {
    (GET $handler:path) => {
        || routing::get($handler)
    };
    (LIST $handler:path) => {
        || routing::get($handler)
    };
    (POST $handler:path) => {
        || routing::post($handler)
    };
    (PATCH $handler:path) => {
        || routing::patch($handler)
    };
    (DELETE $handler:path) => {
        || routing::delete($handler)
    };
}
macro_rules! is_list {
    (LIST) => {
        true
    };
    ($other:ident) => {
        false
    };
}
macro_rules! body {
    () => {
        None
    };
    ($body:ty) => {
        Some(schema_of::<$body>)
    };
}
macro_rules! endpoints {
    ($($verb:ident $path:literal $need:ident $(($permission:ident))? $module:ident :: $handler:ident ($($body:ty)?) -> $answer:ty, $summary:literal;)+) => {
        /// Every operation there is. `LIST` is a GET that knows the query language.
        pub const ENDPOINTS: &[Endpoint] = &[$(
            Endpoint {
                verb: verb!($verb),
                path: $path,
                need: Need::$need $((P::$permission))?,
                handler: concat!(stringify!($module), "::", stringify!($handler)),
                list: is_list!($verb),
                body: body!($($body)?),
                answer: schema_of::<$answer>,
                summary: $summary,
                route: route!($verb $module::$handler),
            },
        )+];
    };
}

endpoints! {
    POST   "/v1/auth" Open auth::login (AuthData) -> TokenData, "Sign in";
    PATCH  "/v1/auth" SignedIn auth::refresh () -> Empty, "Keep the session alive";
    DELETE "/v1/auth" SignedIn auth::logout () -> Empty, "Sign out";
    GET    "/v1/eula" Open eula::show () -> EulaData, "Whether the licence screen was passed";
    POST   "/v1/eula" Write(Config) eula::accept (EulaData) -> Empty, "Pass the licence screen";

    LIST   "/v1/user" Read(Authorization) user::list () -> UsersData, "Users";
    POST   "/v1/user" Write(Authorization) user::create (UserCreateData) -> Empty, "Make a user";
    GET    "/v1/user/{fullname}" SignedIn user::show () -> UserData, "One user; one's own, or any with the right";
    PATCH  "/v1/user/{fullname}" SignedIn user::update (UserConfigData) -> Empty, "Change a user; one's own, or any with the right";
    DELETE "/v1/user/{fullname}" Write(Authorization) user::delete () -> Empty, "Delete a user";
    PATCH  "/v1/user/{fullname}/role/{role}" Write(Authorization) user::set_role_domains (UserRoleDomainsConfigData) -> Empty, "Give a role in some domains";
    POST   "/v1/user/{fullname}/password" Write(Authorization) user::password (UserPasswordConfigData) -> Empty, "Unblock a user or reset the password";
    GET    "/v1/selfuser" SignedIn user::me () -> SelfUserData, "The caller";
    LIST   "/v1/user_role" Read(Authorization) role::list () -> UserRolesData, "Roles";
    GET    "/v1/user_role/{name}" Read(Authorization) role::show () -> UserRoleData, "One role";
    GET    "/v1/user_role_permission/options" Read(Authorization) role::options () -> PermissionOptionsData, "Permissions a role can be made of";
    GET    "/v1/password_profile" Read(Authentication) password::list () -> PasswordProfilesData, "Password rules";
    GET    "/v1/password_profile/{name}" SignedIn password::show () -> PasswordProfileData, "Password rules by name";
    PATCH  "/v1/password_profile/{name}" Write(Authentication) password::update (PasswordProfileConfigData) -> Empty, "Change password rules";
    LIST   "/v1/api_key" Read(Authorization) api_key::list () -> ApiKeysData, "API keys";
    POST   "/v1/api_key" Write(Authorization) api_key::create (ApiKeyCreateData) -> ApiKeyGeneratedData, "Make an API key; its secret is shown once";
    GET    "/v1/api_key/{name}" Read(Authorization) api_key::show () -> ApiKeyData, "One API key";
    DELETE "/v1/api_key/{name}" Write(Authorization) api_key::delete () -> Empty, "Delete an API key";
    GET    "/v1/selfapikey" SignedIn api_key::me () -> ApiKeyData, "The API key of this call";

    GET    "/v1/system/summary" SignedIn system::summary () -> SystemSummaryData, "The cluster in numbers";
    GET    "/v1/system/usage" Read(NvResource) system::usage () -> SystemUsageData, "Size of the cluster";
    GET    "/v1/system/alerts" SignedIn system::alerts () -> SystemAlertsData, "What needs an operator";
    POST   "/v1/system/request" Write(RtPolicy) system::request (SystemRequestData) -> Empty, "Change modes of everything, or end quarantines";
    GET    "/v1/system/config" Read(Config) config::show () -> SystemConfigData, "Settings";
    PATCH  "/v1/system/config" Write(Config) config::update (SystemConfigPatch) -> Empty, "Change settings";
    GET    "/v2/system/config" Read(Config) config::show_v2 () -> SystemConfigDataV2, "Settings in parts";
    PATCH  "/v2/system/config" Write(Config) config::update_v2 (SystemConfigPatchV2) -> Empty, "Change settings in parts";

    LIST   "/v1/controller" Read(NvResource) node::controllers () -> ControllersData, "Controllers";
    GET    "/v1/controller/{id}" Read(NvResource) node::controller () -> ControllerData, "One controller";
    GET    "/v1/controller/{id}/stats" Read(NvResource) node::controller_stats () -> StatsData, "Use of a controller";
    GET    "/v1/controller/{id}/config" Read(NvResource) node::controller_config () -> ComponentConfigData, "Debugging of a controller";
    LIST   "/v1/enforcer" Read(NvResource) node::enforcers () -> EnforcersData, "Enforcers with their tier and counters";
    GET    "/v1/enforcer/{id}" Read(NvResource) node::enforcer () -> EnforcerData, "One enforcer";
    GET    "/v1/enforcer/{id}/stats" Read(NvResource) node::enforcer_stats () -> StatsData, "Use of an enforcer";
    GET    "/v1/enforcer/{id}/config" Read(NvResource) node::enforcer_config () -> ComponentConfigData, "Debugging of an enforcer";
    GET    "/v1/enforcer/{id}/probe_summary" Read(NvResource) node::probe_summary () -> ProbeSummaryData, "What an enforcer holds now, and whether the newest policy is in force";
    LIST   "/v1/host" Read(NvResource) node::hosts () -> HostsData, "Nodes";
    GET    "/v1/host/{id}" Read(NvResource) node::host () -> HostData, "One node";
    GET    "/v1/host/{id}/process_profile" Read(NvResource) node::host_profile () -> ProcessListData, "Process rules in force on a node itself";
    LIST   "/v1/domain" ReadDomain(RtPolicy) domain::list () -> DomainsData, "Domains";
    PATCH  "/v1/domain" Write(Config) domain::configure (DomainConfigData) -> Empty, "Settings of domains";
    PATCH  "/v1/domain/{name}" Write(Config) domain::tag (DomainEntryConfigData) -> Empty, "Tag a domain";

    LIST   "/v1/workload" ReadDomain(RtPolicy) workload::list () -> WorkloadsData, "Containers";
    LIST   "/v2/workload" ReadDomain(RtPolicy) workload::list_v2 () -> WorkloadsDataV2, "Containers, nested";
    POST   "/v2/workload" ReadDomain(RtPolicy) workload::query_v2 (WorkloadIds) -> WorkloadsDataV2, "Containers by id, nested";
    GET    "/v1/workload/{id}" ReadDomain(RtPolicy) workload::show () -> WorkloadDetailData, "One container";
    PATCH  "/v1/workload/{id}" WriteDomain(RtPolicy) workload::update (WorkloadConfigPatchData) -> Empty, "Quarantine a container, or end it";
    GET    "/v2/workload/{id}" ReadDomain(RtPolicy) workload::show_v2 () -> WorkloadDetailDataV2, "One container, nested";
    GET    "/v1/workload/{id}/stats" ReadDomain(RtPolicy) workload::stats () -> StatsData, "Traffic of a container";
    GET    "/v1/workload/{id}/config" ReadDomain(RtPolicy) workload::config () -> WorkloadConfigData, "How a container's traffic is handled";
    GET    "/v1/workload/{id}/process" ReadDomain(RtPolicy) workload::processes () -> ProcessesData, "Processes of a container";
    GET    "/v1/workload/{id}/process_history" ReadDomain(RtPolicy) workload::process_history () -> ProcessesData, "Processes that have ended";
    GET    "/v1/workload/{id}/process_profile" ReadDomain(RtPolicy) workload::process_profile () -> ProcessListData, "Process rules in force";
    GET    "/v1/workload/{id}/file_profile" ReadDomain(RtPolicy) workload::file_profile () -> FileFiltersData, "File rules in force";

    LIST   "/v1/group" ReadDomain(RtPolicy) group::list () -> GroupsData, "Groups";
    POST   "/v1/group" Write(RtPolicy) group::create (GroupConfigData) -> Empty, "Make a group";
    GET    "/v1/group/{name}" ReadDomain(RtPolicy) group::show () -> GroupDetailData, "One group";
    PATCH  "/v1/group/{name}" WriteDomain(RtPolicy) group::update (GroupConfigData) -> Empty, "Change a group";
    DELETE "/v1/group/{name}" WriteDomain(RtPolicy) group::delete () -> Empty, "Delete a group";
    GET    "/v1/group/{name}/stats" ReadDomain(RtPolicy) group::stats () -> StatsData, "Traffic of a group's members";
    LIST   "/v1/service" ReadDomain(RtPolicy) service::list () -> ServicesData, "Services";
    POST   "/v1/service" WriteDomain(RtPolicy) service::create (ServiceConfigData) -> Empty, "Make a service before its first container";
    GET    "/v1/service/{name}" ReadDomain(RtPolicy) service::show () -> ServiceData, "One service";
    PATCH  "/v1/service/config" WriteDomain(RtPolicy) service::configure (ServiceBatchConfigData) -> Empty, "Both modes of services";
    PATCH  "/v1/service/config/network" WriteDomain(RtPolicy) service::configure_network (ServiceBatchConfigData) -> Empty, "Network mode of services";
    PATCH  "/v1/service/config/profile" WriteDomain(RtPolicy) service::configure_profile (ServiceBatchConfigData) -> Empty, "Process and file mode of services";
    LIST   "/v1/process_profile" ReadDomain(RtPolicy) profile::list_processes () -> ProcessProfilesData, "Process profiles";
    GET    "/v1/process_profile/{name}" ReadDomain(RtPolicy) profile::show_processes () -> ProcessProfileData, "Process profile of a group";
    PATCH  "/v1/process_profile/{name}" WriteDomain(RtPolicy) profile::update_processes (ProcessProfileConfigData) -> Empty, "Change a process profile";
    GET    "/v1/process_rules/{uuid}" ReadDomain(RtPolicy) profile::process_rule () -> ProcessRulesData, "Where a process rule is in use";
    LIST   "/v1/file_monitor" ReadDomain(RtPolicy) profile::list_files () -> FileProfilesData, "File profiles";
    GET    "/v1/file_monitor/{name}" ReadDomain(RtPolicy) profile::show_files () -> FileProfileData, "File profile of a group";
    PATCH  "/v1/file_monitor/{name}" WriteDomain(RtPolicy) profile::update_files (FileProfileConfigData) -> Empty, "Change a file profile";
    LIST   "/v1/policy/rule" ReadDomain(RtPolicy) policy::list () -> PolicyRulesData, "Network rules, in order";
    PATCH  "/v1/policy/rule" Write(RtPolicy) policy::edit (PolicyRuleAction) -> Empty, "Insert, move, replace or delete network rules";
    DELETE "/v1/policy/rule" Write(RtPolicy) policy::delete_all () -> Empty, "Delete every network rule users and learning made";
    GET    "/v1/policy/rule/{id}" ReadDomain(RtPolicy) policy::show () -> PolicyRuleData, "One network rule";
    PATCH  "/v1/policy/rule/{id}" Write(RtPolicy) policy::update (PolicyRuleConfigData) -> Empty, "Change a network rule";
    DELETE "/v1/policy/rule/{id}" Write(RtPolicy) policy::delete () -> Empty, "Delete a network rule";
    POST   "/v1/whatif" ReadDomain(RtPolicy) what_if::replay (WhatIfConfigData) -> WhatIfData, "Rampart: judge what a group did by a changed policy; nothing is changed";

    LIST   "/v1/response/rule" Read(RtPolicy) response::list () -> ResponseRulesData, "Response rules, in order";
    POST   "/v1/response/rule" Write(RtPolicy) response::create (ResponseRuleConfigData) -> Empty, "Rampart: add a response rule, last";
    PATCH  "/v1/response/rule" Write(RtPolicy) response::edit (ResponseRuleAction) -> Empty, "Insert, move or delete response rules";
    DELETE "/v1/response/rule" Write(RtPolicy) response::delete_all () -> Empty, "Delete every response rule users made";
    GET    "/v1/response/rule/{id}" Read(RtPolicy) response::show () -> ResponseRuleData, "One response rule";
    PATCH  "/v1/response/rule/{id}" Write(RtPolicy) response::update (ResponseRuleConfigData) -> Empty, "Change a response rule, or turn it on or off";
    DELETE "/v1/response/rule/{id}" Write(RtPolicy) response::delete () -> Empty, "Delete a response rule";
    GET    "/v1/response/options" Read(RtPolicy) response::options () -> ResponseRuleOptionsData, "What response rules can be made of";
    GET    "/v1/response/workload_rules/{id}" ReadDomain(RtPolicy) response::of_workload () -> ResponseRulesData, "Response rules that can act on a container";

    LIST   "/v1/detection/rule" Read(RtPolicy) detection::list () -> DetectionRulesData, "Rampart: detection rules the nodes have loaded, and how often they matched";
    GET    "/v1/detection/rule/{name}" Read(RtPolicy) detection::show () -> DetectionRuleData, "Rampart: one detection rule, its condition and its newest incidents";

    GET    "/v1/conversation" ReadDomain(RtPolicy) conversation::list () -> ConversationsData, "The network map";
    DELETE "/v1/conversation" Write(RtPolicy) conversation::clear () -> Empty, "Forget every conversation";
    GET    "/v1/conversation/{from}/{to}" ReadDomain(RtPolicy) conversation::show () -> ConversationDetailData, "Traffic of one pair";
    DELETE "/v1/conversation/{from}/{to}" Write(RtPolicy) conversation::delete () -> Empty, "Forget the traffic of one pair";
    LIST   "/v1/conversation_endpoint" ReadDomain(RtPolicy) conversation::endpoints () -> ConversationEndpointsData, "Points of the network map";
    PATCH  "/v1/conversation_endpoint/{id}" Write(RtPolicy) conversation::rename (ConversationEndpointConfigData) -> Empty, "Give a point an alias";
    DELETE "/v1/conversation_endpoint/{id}" Write(RtPolicy) conversation::delete_endpoint () -> Empty, "Forget a point and its traffic";
    LIST   "/v1/session" Read(RtPolicy) conversation::sessions () -> SessionsData, "Network sessions";
    GET    "/v1/session/summary" Read(RtPolicy) conversation::session_summary () -> SessionSummaryData, "Network sessions by protocol";

    LIST   "/v1/log/activity" ReadDomain(Events) log::activities () -> EventsData, "What users and the system did";
    LIST   "/v1/log/event" ReadDomain(Events) log::events () -> EventsData, "What users and the system did";
    LIST   "/v1/log/security" ReadDomain(SecurityEvents) log::security () -> SecurityData, "Incidents, threats and violations together";
    LIST   "/v1/log/incident" ReadDomain(SecurityEvents) log::incidents () -> IncidentsData, "Processes and files against policy";
    GET    "/v1/log/incident/{id}" ReadDomain(SecurityEvents) log::incident () -> IncidentData, "One incident";
    LIST   "/v1/log/threat" ReadDomain(SecurityEvents) log::threats () -> ThreatsData, "Attacks seen in traffic";
    GET    "/v1/log/threat/{id}" ReadDomain(SecurityEvents) log::threat () -> ThreatData, "One threat, with its packet";
    LIST   "/v1/log/violation" ReadDomain(SecurityEvents) log::violations () -> ViolationsData, "Connections against policy";
    GET    "/v1/log/violation/workload" ReadDomain(SecurityEvents) log::violation_workloads () -> ViolationWorkloadsData, "Workloads with most violations";
    LIST   "/v1/log/audit" ReadDomain(AuditEvents) log::audits () -> AuditsData, "Results of checks";
    GET    "/v1/log/histogram" ReadDomain(SecurityEvents) log::histogram () -> HistogramData, "Records over time";

    GET    "/v1/scan/config" Read(RtScan) scan::show_config () -> ScanConfigData, "What is scanned without being asked for";
    PATCH  "/v1/scan/config" Write(RtScan) scan::update_config (ScanConfigPatchData) -> Empty, "Change what is scanned without being asked for";
    GET    "/v1/scan/status" Read(RtScan) scan::status () -> ScanStatusData, "The queue, the scanners and the database";
    LIST   "/v1/scan/scanner" Read(RtScan) scan::scanners () -> ScannersData, "Scanners";
    GET    "/v1/scan/cache_stat/{id}" Read(RtScan) scan::cache_stat () -> ScanCacheStat, "The layer cache of a scanner, in numbers";
    GET    "/v1/scan/cache_data/{id}" Read(RtScan) scan::cache_data () -> ScanCacheData, "The layer cache of a scanner";
    POST   "/v1/scan/workload/{id}" WriteDomain(RtScan) scan::scan_workload () -> Empty, "Scan a running container";
    GET    "/v1/scan/workload/{id}" ReadDomain(RtScan) scan::workload_report () -> ScanReportData, "What the scan of a container found";
    GET    "/v1/scan/workload/{id}/sbom" ReadDomain(RtScan) sbom::workload () -> SbomDocument, "Rampart: the bill of materials of a container";
    POST   "/v1/scan/workloads/scan_report" ReadDomain(RtScan) scan::workloads_report (ScanReportQuery) -> AssetScanReportData, "Vulnerabilities of containers, page by page";
    LIST   "/v1/scan/image" Read(RtScan) scan::images () -> ScanImagesData, "Images that run";
    GET    "/v1/scan/image/{id}" Read(RtScan) scan::image_report () -> ScanReportData, "What the scan of an image found";
    GET    "/v1/scan/image/{id}/sbom" Read(RtScan) sbom::image () -> SbomDocument, "Rampart: the bill of materials of an image";
    POST   "/v1/scan/host/{id}" Write(RtScan) scan::scan_host () -> Empty, "Scan a node";
    GET    "/v1/scan/host/{id}" Read(RtScan) scan::host_report () -> ScanReportData, "What the scan of a node found";
    GET    "/v1/scan/host/{id}/sbom" Read(RtScan) sbom::host () -> SbomDocument, "Rampart: the bill of materials of a node";
    POST   "/v1/scan/hosts/scan_report" Read(RtScan) scan::hosts_report (ScanReportQuery) -> AssetScanReportData, "Vulnerabilities of nodes, page by page";
    LIST   "/v1/scan/platform" Read(RtScan) scan::platforms () -> ScanPlatformsData, "The orchestrator";
    POST   "/v1/scan/platform/platform" Write(RtScan) scan::scan_platform () -> Empty, "Scan the orchestrator";
    GET    "/v1/scan/platform/platform" Read(RtScan) scan::platform_report () -> ScanReportData, "What the scan of the orchestrator found";
    POST   "/v1/scan/repository" Write(CiScan) scan::repository (ScanRepoRequestData) -> ScanRepoReportData, "Scan an image by name; 304 asks to send the same again";
    POST   "/v1/scan/result/repository" Write(CiScan) scan::submit (ScanResultSubmissionData) -> Empty, "Hand in a report made elsewhere";
    LIST   "/v1/scan/registry" Read(RegScan) registry::list () -> RegistrySummariesData, "Registries";
    POST   "/v1/scan/registry" Write(RegScan) registry::create (RegistryConfigData) -> Empty, "Add a registry";
    POST   "/v2/scan/registry" Write(RegScan) registry::create_v2 (RegistryConfigDataV2) -> Empty, "Add a registry, nested";
    GET    "/v1/scan/registry/{name}" Read(RegScan) registry::show () -> RegistrySummaryData, "One registry";
    PATCH  "/v1/scan/registry/{name}" Write(RegScan) registry::update (RegistryConfigData) -> Empty, "Change a registry";
    PATCH  "/v2/scan/registry/{name}" Write(RegScan) registry::update_v2 (RegistryConfigDataV2) -> Empty, "Change a registry, nested";
    DELETE "/v1/scan/registry/{name}" Write(RegScan) registry::delete () -> Empty, "Forget a registry and what only it held";
    POST   "/v1/scan/registry/{name}/test" Write(RegScan) registry::test (RegistryConfigData) -> RegistryTestData, "Try a registry out; 206 asks to send it again with the X-Transaction-ID";
    POST   "/v2/scan/registry/{name}/test" Write(RegScan) registry::test_v2 (RegistryConfigDataV2) -> RegistryTestData, "Try a registry out, nested";
    DELETE "/v1/scan/registry/{name}/test" Write(RegScan) registry::cancel_test () -> Empty, "Stop trying a registry out";
    POST   "/v1/scan/registry/{name}/scan" Write(RegScan) registry::scan () -> Empty, "List a registry and scan what is new";
    DELETE "/v1/scan/registry/{name}/scan" Write(RegScan) registry::stop () -> Empty, "Stop scanning a registry";
    LIST   "/v1/scan/registry/{name}/images" Read(RegScan) registry::images () -> RegistryImagesData, "Images of a registry";
    GET    "/v1/scan/registry/{name}/image/{id}" Read(RegScan) registry::image_report () -> ScanReportData, "What the scan of an image found";
    GET    "/v1/scan/registry/{name}/image/{id}/sbom" Read(RegScan) sbom::registry_image () -> SbomDocument, "Rampart: the bill of materials of an image";
    GET    "/v1/scan/registry/{name}/layers/{id}" Read(RegScan) registry::layers () -> ScanLayersReportData, "What each layer of an image brought";
    GET    "/v1/list/registry_type" SignedIn misc::registry_types () -> ListData, "Kinds of registries";
    GET    "/v1/scan/asset" ReadDomain(RtScan) vulnerability::assets () -> ScanAssetsData, "Vulnerabilities, and everything that was scanned";
    LIST   "/v1/scan/asset/images" Read(RegScan) vulnerability::asset_images () -> ScannedImagesData, "Images that were scanned";
    POST   "/v1/vulasset" ReadDomain(RtScan) vulnerability::query (VulnerabilityQuery) -> VulnerabilityQueryResult, "Search vulnerabilities";
    GET    "/v1/vulasset" ReadDomain(RtScan) vulnerability::query_page () -> VulnerabilityPageData, "A page of a search";
    LIST   "/v1/scan/vulnerability" ReadDomain(RtScan) vulnerability::list () -> VulnerabilitiesData, "Rampart: vulnerabilities, the worst first";
    GET    "/v1/scan/vulnerability/{name}" ReadDomain(RtScan) vulnerability::show () -> VulnerabilityDetailData, "Rampart: one vulnerability and every place it is in";
    LIST   "/v1/vulnerability/profile" Read(Vulnerability) vulnerability::profiles () -> VulnerabilityProfilesData, "Accepted vulnerabilities";
    GET    "/v1/vulnerability/profile/{name}" Read(Vulnerability) vulnerability::show_profile () -> VulnerabilityProfileData, "Accepted vulnerabilities of a profile";
    PATCH  "/v1/vulnerability/profile/{name}" Write(Vulnerability) vulnerability::update_profile (VulnerabilityProfileConfigData) -> Empty, "Replace what is accepted";
    POST   "/v1/vulnerability/profile/{name}/entry" Write(Vulnerability) vulnerability::add_entry (VulnerabilityProfileEntryData) -> Empty, "Accept a vulnerability";
    PATCH  "/v1/vulnerability/profile/{name}/entry/{id}" Write(Vulnerability) vulnerability::update_entry (VulnerabilityProfileEntryData) -> Empty, "Change what is accepted";
    DELETE "/v1/vulnerability/profile/{name}/entry/{id}" Write(Vulnerability) vulnerability::delete_entry () -> Empty, "Accept no longer";
    POST   "/v1/scan/work" Scanner scanner::take (ScannerMessage) -> ScannerMessage, "Rampart: a scanner asks for work";
    PATCH  "/v1/scan/work/{lease}" Scanner scanner::renew () -> Empty, "Rampart: a scanner keeps its work";
    POST   "/v1/scan/work/{lease}/outcome" Scanner scanner::finish (ScannerMessage) -> Empty, "Rampart: a scanner reports; the body is compressed with zstd";
    POST   "/v1/scan/work/{lease}/failure" Scanner scanner::give_up (ScannerMessage) -> Empty, "Rampart: a scanner gives up";

    GET    "/v1/live" SignedIn live::stream () -> LiveEvent, "Changes as server-sent events";
    GET    "/v1/fed/member" SignedIn misc::fed_member () -> FedMember, "Federation: none";
    GET    "/v1/list/application" SignedIn misc::applications () -> ListData, "Application names for network rules";
}

/// The API as a service, without a listener.
pub fn router(rest: Rest) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        let guard = middleware::from_fn_with_state((rest.clone(), endpoint), guard::guard);
        let counted = middleware::from_fn_with_state((rest.clone(), endpoint), layer::count);
        router = router.route(
            endpoint.path,
            (endpoint.route)().route_layer(guard).route_layer(counted),
        );
    }
    let router = router
        .route("/openapi.json", routing::get(misc::openapi))
        .route("/v1/openapi.json", routing::get(misc::openapi))
        .route("/healthz", routing::get(misc::healthy))
        .route("/readyz", routing::get(misc::ready))
        .route("/metrics", routing::get(misc::metrics))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown)
        .with_state(rest);
    layer::wrap(router)
}

async fn unknown() -> impl IntoResponse {
    Failure::new(
        ErrorKind::UnknownPath,
        "there is no such path; /openapi.json lists them",
    )
}

async fn wrong_method() -> impl IntoResponse {
    Failure::new(
        ErrorKind::MethodNotAllowed,
        "the path exists, but not with this method",
    )
}
