// A record in one line: who did it, and what.
import { protocol } from '../../services/format';
import type { Entry } from '../../services/types';

/** The workload, user or address behind it. */
export function entrySubject(e: Entry): string {
  switch (e.kind) {
    case 'violation':
      return e.client_name || e.client_ip || '';
    case 'threat':
      return e.client_workload_name || e.client_ip || '';
    case 'event':
      return e.user || e.workload_name || e.host_name || '';
    default:
      return e.workload_name || e.host_name || '';
  }
}

const port = (e: Entry) => (e.server_port ? `${protocol(e.ip_proto)}/${e.server_port}` : protocol(e.ip_proto));

/** What was done or tried. */
export function entryObject(e: Entry): string {
  switch (e.kind) {
    case 'violation':
      return `→ ${e.fqdn || e.server_name || e.server_ip || ''}${e.server_name === 'external' && e.server_ip ? ` ${e.server_ip}` : ''} ${port(e)}`;
    case 'threat':
      return `${e.name} → ${e.server_workload_name || e.server_ip || ''} ${port(e)}`;
    case 'incident':
      return e.file_path ? `${e.file_path} ← ${e.proc_cmd || e.proc_path || e.proc_name || ''}` : e.proc_cmd || e.proc_path || e.proc_name || e.message || e.name;
    default:
      return e.message || e.rest_request || e.name;
  }
}
