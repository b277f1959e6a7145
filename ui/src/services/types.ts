// The controller's REST objects, as far as the console reads them. Field names are the wire's.

export type Mode = 'Discover' | 'Monitor' | 'Protect';
export type Baseline = 'basic' | 'zero-drift';
export type Tier = 'none' | 'detect' | 'fanotify' | 'bpf-lsm';
export type Verdict = 'allow' | 'learn' | 'violate' | 'deny';
export type ChangeKind = 'workload' | 'group' | 'policy' | 'conversation' | 'log' | 'node' | 'system';

export interface User {
  fullname: string;
  username: string;
  server?: string;
  email?: string;
  role: string;
  timeout?: number;
  locale?: string;
  default_password?: boolean;
  modify_password?: boolean;
  last_login_at?: string;
  login_count?: number;
  blocked_for_failed_login?: boolean;
  blocked_for_password_expired?: boolean;
}

export interface Address {
  ip: string;
  ip_prefix: number;
  gateway?: string;
}

export interface Port {
  ip_proto: number;
  port: number;
  host_ip?: string;
  host_port?: number;
}

export interface Mount {
  source: string;
  destination: string;
  read_only?: boolean;
}

export interface Workload {
  id: string;
  name: string;
  display_name: string;
  pod_name?: string;
  image: string;
  image_id?: string;
  image_digest?: string[] | string | null;
  domain: string;
  state: string;
  service: string;
  service_group: string;
  policy_mode?: string;
  profile_mode?: string;
  baseline_profile?: string;
  privileged?: boolean;
  run_as_root?: boolean;
  host_name?: string;
  host_id?: string;
  enforcer_id?: string;
  network_mode?: string;
  created_at?: string;
  started_at?: string;
  finished_at?: string;
  secured_at?: string;
  running?: boolean;
  exit_code?: number;
  interfaces?: Record<string, Address[]> | null;
  ports?: Port[] | null;
  labels?: Record<string, string> | null;
  applications?: string[] | null;
  memory_limit?: number;
  cpus?: string;
  mounts?: Mount[] | null;
  runtime?: string;
}

export interface Process {
  pid: number;
  parent: number;
  name: string;
  path?: string;
  cmdline: string;
  user?: string;
  root?: boolean;
  status?: string;
  action?: string;
  start_timestamp?: number;
}

export interface Criterion {
  key: string;
  op: string;
  value: string;
}

export interface Group {
  name: string;
  comment?: string;
  learned: boolean;
  reserved: boolean;
  policy_mode?: string;
  profile_mode?: string;
  baseline_profile?: string;
  domain?: string;
  kind?: string;
  cfg_type?: string;
  cap_change_mode?: boolean;
  criteria?: Criterion[] | null;
  members?: Workload[] | null;
}

export interface GroupDetail extends Group {
  policy_rules?: NetworkRule[] | null;
}

export interface ProcessRule {
  name: string;
  path: string;
  user?: string;
  action: string;
  cfg_type?: string;
  uuid?: string;
  allow_update?: boolean;
  created_timestamp?: number;
  last_modified_timestamp?: number;
}

export interface ProcessProfile {
  group: string;
  mode?: string;
  baseline?: string;
  process_list?: ProcessRule[] | null;
}

export interface FileRule {
  filter: string;
  recursive: boolean;
  behavior: string;
  applications?: string[] | null;
  cfg_type?: string;
}

export interface FileProfile {
  group: string;
  filters?: FileRule[] | null;
}

export interface NetworkRule {
  id: number;
  comment?: string;
  from: string;
  to: string;
  ports: string;
  applications?: string[] | null;
  action: string;
  learned?: boolean;
  disable?: boolean;
  cfg_type?: string;
  priority?: number;
  match_counter?: number;
  last_match_timestamp?: number;
  last_modified_timestamp?: number;
}

export interface Endpoint {
  id: string;
  kind: string;
  name?: string;
  display_name: string;
  state?: string;
  domain?: string;
  service?: string;
  service_group?: string;
  policy_mode?: string;
  host_name?: string;
}

export interface Conversation {
  from: string;
  to: string;
  bytes: number;
  sessions: number;
  applications?: string[] | null;
  ports?: string[] | null;
  policy_action: string;
  severity?: string;
}

export interface ConversationEntry {
  bytes: number;
  sessions: number;
  port: string;
  application?: string;
  policy_action: string;
  policy_id?: number;
  client_ip: string;
  server_ip: string;
  fqdn?: string;
  last_seen_at: number;
}

export interface Capability {
  name: string;
  mechanism?: string | null;
  strength: string;
  note?: string;
}

export type Counters = Record<string, number>;

export interface Host {
  id: string;
  name: string;
  os?: string;
  kernel?: string;
  runtime?: string;
  runtime_version?: string;
  cpus?: number;
  memory?: number;
  containers?: number;
  state?: string;
  interfaces?: Record<string, Address[]> | null;
  tier?: string;
  capabilities?: Capability[] | null;
  counters?: Counters | null;
}

export interface Enforcer {
  id: string;
  name: string;
  display_name?: string;
  host_name: string;
  host_id: string;
  version?: string;
  connection_state?: string;
  joined_at?: string;
  started_at?: string;
  cluster_ip?: string;
  tier?: string;
  capabilities?: Capability[] | null;
  counters?: Counters | null;
}

export interface Span {
  cpu?: number;
  memory?: number;
}

export interface Summary {
  hosts: number;
  controllers: number;
  enforcers: number;
  disconnected_enforcers: number;
  domains?: number;
  workloads: number;
  running_workloads: number;
  services: number;
  policy_rules: number;
  platform?: string;
}

export type LogKind = 'incident' | 'violation' | 'threat' | 'audit' | 'event';

/** Any log record: what all kinds share is required, the rest depends on the kind. */
export interface LogRecord {
  id?: string;
  name: string;
  level: string;
  reported_timestamp: number;
  reported_at?: string;
  host_name?: string;
  enforcer_name?: string;
  message?: string;
  group?: string;
  action?: string;
  policy_action?: string;
  mechanism?: string;
  count?: number;
  rule_id?: string;
  policy_id?: number;
  workload_id?: string;
  workload_name?: string;
  workload_domain?: string;
  workload_image?: string;
  workload_service?: string;
  proc_name?: string;
  proc_path?: string;
  proc_cmd?: string;
  proc_parent_name?: string;
  proc_parent_path?: string;
  proc_real_user?: string;
  proc_effective_user?: string;
  file_path?: string;
  client_id?: string;
  client_name?: string;
  client_ip?: string;
  client_port?: number;
  client_group?: string;
  client_workload_id?: string;
  client_workload_name?: string;
  server_id?: string;
  server_name?: string;
  server_ip?: string;
  server_port?: number;
  server_workload_id?: string;
  server_workload_name?: string;
  ip_proto?: number;
  applications?: string[] | null;
  application?: string;
  sessions?: number;
  bytes?: number;
  fqdn?: string;
  severity?: string;
  category?: string;
  user?: string;
  user_addr?: string;
  rest_method?: string;
  rest_request?: string;
  rest_body?: string;
  items?: string[] | null;
  [extra: string]: unknown;
}

/** A record with the kind it came as. */
export interface Entry extends LogRecord {
  kind: LogKind;
}

export interface SystemConfig {
  new_service_policy_mode?: string;
  new_service_profile_mode?: string;
  new_service_profile_baseline?: string;
  unused_group_aging?: number;
  cluster_name?: string;
  net_service_status?: boolean;
  net_service_policy_mode?: string;
  strict_group_mode?: boolean;
  mode_auto_d2m?: boolean;
  mode_auto_d2m_duration?: number;
  mode_auto_m2p?: boolean;
  mode_auto_m2p_duration?: number;
}

export interface LoginAnswer {
  token?: User & { global_permissions?: unknown[] };
  need_to_reset_password?: boolean;
  password_days_until_expire?: number;
}
