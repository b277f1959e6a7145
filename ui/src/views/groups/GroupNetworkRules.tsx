import { useQuery } from '@tanstack/react-query';
import { Gate } from '../../components/States';
import { rules } from '../../services/queries';
import type { GroupDetail } from '../../services/types';
import { RuleList } from '../policy/RuleList';

/** The network rules with this group at either end, out of the one ordered list. */
export function GroupNetworkRules({ group }: { group: GroupDetail }) {
  const query = useQuery(rules());
  return <Gate query={query}>{(all) => <RuleList all={all} only={group.name} />}</Gate>;
}
