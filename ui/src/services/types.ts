// The controller's REST objects as the console reads them, from the generated contract
// (schema.ts: npm run gen). What a page cannot do without is required; everything else may be
// absent, so that a console and a controller of neighbouring versions get along.
import type { components } from './schema';

type Schemas = components['schemas'];

/** A schema of which only `Always` is taken for granted. */
type Wire<T, Always extends keyof T> = Pick<T, Always> & { [K in Exclude<keyof T, Always>]?: T[K] | undefined };

export type Mode = 'Discover' | 'Monitor' | 'Protect';
export type Verdict = 'allow' | 'learn' | 'violate' | 'deny';
export type ChangeKind = 'workload' | 'group' | 'policy' | 'conversation' | 'log' | 'node' | 'scan' | 'system';

export type User = Wire<Schemas['User'], 'fullname' | 'username' | 'role'>;
export type LoginAnswer = { token?: User | null; need_to_reset_password?: boolean };

export type Workload = Wire<Schemas['WorkloadDetail'], 'id' | 'name' | 'display_name' | 'image' | 'domain' | 'state' | 'service' | 'service_group'>;
export type Process = Wire<Schemas['Process'], 'pid' | 'parent' | 'name' | 'cmdline'>;

type Member = Wire<Schemas['Workload'], 'id' | 'name' | 'display_name' | 'image' | 'domain' | 'state' | 'service' | 'service_group'>;
export type Criterion = Schemas['Criterion'];
export type Group = Wire<Omit<Schemas['Group'], 'members' | 'policy_rules'>, 'name' | 'learned' | 'reserved'> & { members?: Member[] };
export type GroupDetail = Group & { policy_rules?: NetworkRule[] };
export type ProcessRule = Wire<Schemas['ProcessProfileEntry'], 'name' | 'path' | 'action'>;
export type ProcessProfile = Wire<Omit<Schemas['ProcessProfile'], 'process_list'>, 'group'> & { process_list?: ProcessRule[] };
export type FileRule = Wire<Schemas['FileFilter'], 'filter' | 'recursive' | 'behavior'>;
export type FileProfile = { group: string; filters?: FileRule[] };
export type WhatIfAct = Wire<Schemas['WhatIfAct'], 'kind' | 'what' | 'before' | 'after'>;
export type WhatIf = Wire<Omit<Schemas['WhatIf'], 'acts'>, 'judged' | 'denied' | 'alerted'> & { acts?: WhatIfAct[] };
export type ResponseRule = Wire<Schemas['ResponseRule'], 'id' | 'event' | 'actions'>;
export type ResponseOptions = Record<string, Schemas['ResponseRuleOptions']>;
export type NetworkRule = Wire<Schemas['PolicyRule'], 'id' | 'from' | 'to' | 'ports' | 'action'>;

export type Endpoint = Wire<Schemas['ConversationEndpoint'], 'id' | 'kind' | 'display_name'>;
export type Conversation = Wire<Schemas['Conversation'], 'from' | 'to' | 'bytes' | 'sessions' | 'policy_action'>;
export type ConversationEntry = Wire<Schemas['ConversationEntry'], 'bytes' | 'sessions' | 'port' | 'policy_action' | 'client_ip' | 'server_ip' | 'last_seen_at'>;

export type Capability = Wire<Schemas['Capability'], 'name' | 'strength'>;
export type Counters = Record<string, number>;
type Protected<T> = T & { tier?: string; capabilities?: Capability[]; reasons?: string[]; counters?: Counters };
export type Host = Protected<Wire<Omit<Schemas['Host'], keyof Schemas['Protection']>, 'id' | 'name'>>;
export type Enforcer = Protected<Wire<Omit<Schemas['Enforcer'], keyof Schemas['Protection']>, 'id' | 'name' | 'host_name' | 'host_id'>>;
export type Span = Partial<Schemas['Metric']>;
export type Summary = Wire<Schemas['SystemSummary'], 'hosts' | 'workloads' | 'running_workloads' | 'policy_rules'>;
export type SystemConfig = Partial<Schemas['SystemConfig']>;

export type HistogramBar = Pick<Schemas['HistogramBar'], 'timestamp' | 'count'>;
export type LogKind = 'incident' | 'violation' | 'threat' | 'audit' | 'event';
type AnyLog = Schemas['Incident'] & Schemas['Violation'] & Schemas['Threat'] & Schemas['Audit'] & Schemas['Event'];

/** Any log record: what all kinds share is required, the rest depends on the kind. */
export type LogRecord = Wire<AnyLog, 'name' | 'level' | 'reported_timestamp'>;

/** A record with the kind it came as. */
export type Entry = LogRecord & { kind: LogKind };

export type DetectionRule = Wire<Schemas['DetectionRule'], 'name' | 'priority' | 'state'>;
export type DetectionRuleDetail = DetectionRule & Partial<Pick<Schemas['DetectionRuleDetail'], 'description' | 'condition' | 'output'>> & { recent?: LogRecord[] };

export type ScanBrief = Partial<Schemas['ScanBrief']>;
export type ScanStatus = Partial<Schemas['ScanStatus']>;
export type Scanner = Wire<Schemas['Scanner'], 'id'>;
export type RegistrySummary = Wire<Schemas['RegistrySummary'], 'name' | 'registry' | 'registry_type'>;
export type ImageSummary = Wire<Schemas['RegistryImageSummary'], 'repository' | 'tag' | 'image_id' | 'digest'>;
export type Finding = Wire<Schemas['Vulnerability'], 'name' | 'severity' | 'package_name'>;
export type Module = Wire<Schemas['ScanModule'], 'name' | 'version'>;
export type LeakedSecret = Wire<Schemas['ScanSecret'], 'type' | 'path'>;
export type ConfigIssue = Wire<Schemas['ScanConfigIssue'], 'id' | 'title'>;
export type SetIdFile = Wire<Schemas['ScanSetIdPerm'], 'path' | 'type'>;
type Report = Omit<Schemas['ScanReport'], 'vulnerabilities' | 'modules' | 'secrets' | 'config_issues' | 'setid_perms'>;
export type ScanReport = Partial<Report> & { vulnerabilities?: Finding[]; modules?: Module[]; secrets?: LeakedSecret[]; config_issues?: ConfigIssue[]; setid_perms?: SetIdFile[] };
export type ScanLayer = Wire<Omit<Schemas['ScanLayer'], 'vulnerabilities' | 'secrets'>, 'digest'> & { vulnerabilities?: Finding[]; secrets?: LeakedSecret[] };
export type VulnerabilityAsset = Wire<Schemas['VulnerabilityAsset'], 'name' | 'severity'>;
export type Place = Wire<Schemas['VulnerabilityPlace'], 'id' | 'kind' | 'display_name'>;
export type VulnerabilityDetail = VulnerabilityAsset & { title?: string; references?: string[]; aliases?: string[]; cwes?: string[]; places?: Place[] };
export type AcceptedEntry = Wire<Schemas['VulnerabilityProfileEntry'], 'id' | 'name'>;
export type TestStep = Wire<Schemas['RegistryTestStep'], 'step_type' | 'step_content'>;
