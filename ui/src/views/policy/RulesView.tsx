import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Page } from '../../components/Page';
import { Gate, LoadingRows } from '../../components/States';
import { rules } from '../../services/queries';
import { RuleList } from './RuleList';

export default function RulesView() {
  const { t } = useTranslation();
  const query = useQuery(rules());
  return (
    <Page fill title={t('rules.title')} note={query.data ? t('rules.note', { count: query.data.length }) : ''}>
      <Gate query={query} loading={<LoadingRows rows={12} />}>{(all) => <RuleList all={all} />}</Gate>
    </Page>
  );
}
