import { Button } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { Component, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Failed } from './States';

/** A part of the program may fail to load (the network changed, the console was upgraded) or break;
 * the rest stays usable. */
export class Boundary extends Component<{ children: ReactNode; at: string }, { error?: Error; at: string }> {
  state: { error?: Error; at: string } = { at: this.props.at };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  /** Another page is another chance. */
  static getDerivedStateFromProps(props: { at: string }, state: { at: string }) {
    return props.at === state.at ? null : { at: props.at, error: undefined };
  }

  render() {
    if (!this.state.error) return this.props.children;
    return (
      <div className="page" style={{ alignItems: 'center' }}>
        <Failed error={this.state.error} />
        <Reload />
      </div>
    );
  }
}

function Reload() {
  const { t } = useTranslation();
  return (
    <Button variant="default" leftSection={<IconRefresh size={14} />} onClick={() => window.location.reload()}>
      {t('error.reload')}
    </Button>
  );
}
