// Writes: one function a change the console can make, with NeuVector's bodies.
import { call, segment } from './http';
import type { FileRule, LoginAnswer, NetworkRule, ProcessRule, ResponseRule, SystemConfig, User } from './types';

export const signIn = (username: string, password: string, newPassword?: string) =>
  call<LoginAnswer>('/v1/auth', { method: 'POST', body: { password: { username, password, ...(newPassword ? { new_password: newPassword } : {}) } } });
export const signOut = () => call('/v1/auth', { method: 'DELETE' });

/** A learned group's service name, which the mode calls want. */
export const serviceOf = (group: string) => group.replace(/^nv\./, '');

export const setNetworkMode = (group: string, mode: string) =>
  call('/v1/service/config/network', { method: 'PATCH', body: { config: { services: [serviceOf(group)], policy_mode: mode } } });
export const setProfileMode = (group: string, mode: string, baseline?: string) =>
  call('/v1/service/config/profile', { method: 'PATCH', body: { config: { services: [serviceOf(group)], profile_mode: mode, ...(baseline ? { baseline_profile: baseline } : {}) } } });
export const setModes = (groups: string[], mode: string) =>
  call('/v1/service/config', { method: 'PATCH', body: { config: { services: groups.map(serviceOf), policy_mode: mode, profile_mode: mode } } });

/** Cuts one container off from the network, or lets it back. Without a reason the controller notes that a user did it. */
export const setQuarantine = (id: string, on: boolean, reason = '') =>
  call(`/v1/workload/${segment(id)}`, { method: 'PATCH', body: { config: { quarantine: on, ...(on && reason ? { quarantine_reason: reason } : {}) } } });

const wireProcess = ({ name, path, user, action, allow_update }: ProcessRule) => ({ name, path, user: user ?? '', action, allow_update: allow_update ?? false });

export const changeProcessRules = (group: string, change: { put?: ProcessRule[]; drop?: ProcessRule[] }) =>
  call(`/v1/process_profile/${segment(group)}`, {
    method: 'PATCH',
    body: {
      process_profile_config: {
        group,
        ...(change.put ? { process_change_list: change.put.map(wireProcess) } : {}),
        ...(change.drop ? { process_delete_list: change.drop.map(wireProcess) } : {}),
      },
    },
  });
export const setBaseline = (group: string, baseline: string) =>
  call(`/v1/process_profile/${segment(group)}`, { method: 'PATCH', body: { process_profile_config: { group, baseline } } });

const wireFile = ({ filter, recursive, behavior, applications }: FileRule) => ({ filter, recursive, behavior, applications: applications ?? [] });

export const changeFileRules = (group: string, change: { add?: FileRule[]; update?: FileRule[]; drop?: FileRule[] }) =>
  call(`/v1/file_monitor/${segment(group)}`, {
    method: 'PATCH',
    body: {
      config: {
        ...(change.add ? { add_filters: change.add.map(wireFile) } : {}),
        ...(change.update ? { update_filters: change.update.map(wireFile) } : {}),
        ...(change.drop ? { delete_filters: change.drop.map(wireFile) } : {}),
      },
    },
  });

const wireRule = ({ from, to, ports, applications, action, disable, comment }: NetworkRule) => ({
  from,
  to,
  ports: ports || 'any',
  applications: applications?.length ? applications : ['any'],
  action,
  disable: disable ?? false,
  comment: comment ?? '',
  cfg_type: 'user_created',
});

/** `after`: a rule's id, 0 for first, undefined for last. */
export const addRule = (rule: NetworkRule, after?: number) =>
  call('/v1/policy/rule', { method: 'PATCH', body: { insert: { ...(after === undefined ? {} : { after }), rules: [{ id: 0, ...wireRule(rule) }] } } });
export const updateRule = (rule: NetworkRule) => call(`/v1/policy/rule/${rule.id}`, { method: 'PATCH', body: { config: { id: rule.id, ...wireRule(rule) } } });
export const moveRule = (id: number, after: number) => call('/v1/policy/rule', { method: 'PATCH', body: { move: { id, after } } });
const wireResponse = ({ event, group, conditions, actions, comment, disable }: ResponseRule) => ({ event, group: group ?? '', conditions: conditions ?? [], actions, comment: comment ?? '', disable: disable ?? false });
const RESPONSE = '/v1/response/rule';

export const addResponse = (rule: ResponseRule) => call(RESPONSE, { method: 'PATCH', body: { insert: { rules: [{ id: 0, ...wireResponse(rule) }] } } });
export const updateResponse = (rule: ResponseRule) => call(`${RESPONSE}/${rule.id}`, { method: 'PATCH', body: { config: { id: rule.id, ...wireResponse(rule) } } });
export const moveResponse = (id: number, after: number) => call(RESPONSE, { method: 'PATCH', body: { move: { id, after } } });
export const deleteResponse = (id: number) => call(`${RESPONSE}/${id}`, { method: 'DELETE' });
/** Lets the containers a rule cut off back on the network. */
export const releaseByResponse = (id: number) => call('/v1/system/request', { method: 'POST', body: { request: { unquarantine: { response_rule: id } } } });

export const deleteRule = (id: number) => call(`/v1/policy/rule/${id}`, { method: 'DELETE' });

export const addGroup = (group: { name: string; comment: string; criteria: { key: string; op: string; value: string }[] }) =>
  call('/v1/group', { method: 'POST', body: { config: { ...group, cfg_type: 'user_created' } } });
export const updateGroup = (group: { name: string; comment: string; criteria: { key: string; op: string; value: string }[] }) =>
  call(`/v1/group/${segment(group.name)}`, { method: 'PATCH', body: { config: group } });
export const deleteGroup = (name: string) => call(`/v1/group/${segment(name)}`, { method: 'DELETE' });

export const addUser = (user: { username: string; password: string; email: string; role: string }) =>
  call('/v1/user', { method: 'POST', body: { user: { ...user, fullname: user.username, locale: 'en', timeout: 300 } } });
export const updateUser = (user: Pick<User, 'fullname' | 'role' | 'email'>) =>
  call(`/v1/user/${segment(user.fullname)}`, { method: 'PATCH', body: { config: { fullname: user.fullname, role: user.role, email: user.email ?? '' } } });
export const deleteUser = (fullname: string) => call(`/v1/user/${segment(fullname)}`, { method: 'DELETE' });
export const changePassword = (fullname: string, password: string, newPassword: string) =>
  call(`/v1/user/${segment(fullname)}`, { method: 'PATCH', body: { config: { fullname, password, new_password: newPassword } } });

const AUTO = ['mode_auto_d2m', 'mode_auto_d2m_duration', 'mode_auto_m2p', 'mode_auto_m2p_duration'] as const;
const NET = ['net_service_status', 'net_service_policy_mode', 'strict_group_mode'] as const;

/** NeuVector keeps three sections in one call; only those with a change are sent. */
export function updateSystem(config: SystemConfig) {
  const take = (keys: readonly (keyof SystemConfig)[]) => Object.fromEntries(keys.filter((k) => config[k] !== undefined).map((k) => [k, config[k]]));
  const rest = Object.keys(config).filter((k) => ![...AUTO, ...NET].some((x) => x === k)) as (keyof SystemConfig)[];
  const sections = { config: take(rest), net_config: take(NET), atmo_config: take(AUTO) };
  const body = Object.fromEntries(Object.entries(sections).filter(([, section]) => Object.keys(section).length > 0));
  return call('/v1/system/config', { method: 'PATCH', body });
}
