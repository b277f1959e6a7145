import { SegmentedControl } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useConfirm } from './Confirm';

const COLORS: Record<string, string> = { Discover: 'signal.6', Monitor: 'orange.8', Protect: 'teal.8' };

interface Props {
  label: string;
  value: string | undefined;
  disabled?: boolean;
  onChange: (mode: string) => void;
  subject: string;
}

/** Discover, Monitor, Protect. Asks first when the change starts or ends blocking. */
export function ModeSwitch({ label, value, disabled, onChange, subject }: Props) {
  const { t } = useTranslation();
  const confirm = useConfirm();
  const change = async (mode: string) => {
    if (mode === value) return;
    const starts = mode === 'Protect';
    if (starts || value === 'Protect') {
      const yes = await confirm({
        title: t(starts ? 'mode.startTitle' : 'mode.stopTitle'),
        text: t(starts ? 'mode.startText' : 'mode.stopText', { subject, what: label.toLowerCase() }),
        action: t(starts ? 'mode.start' : 'mode.stop', { mode }),
        danger: !starts,
      });
      if (!yes) return;
    }
    onChange(mode);
  };
  return (
    <SegmentedControl
      aria-label={label}
      value={value ?? ''}
      color={COLORS[value ?? '']}
      disabled={disabled}
      onChange={(mode) => void change(mode)}
      data={['Discover', 'Monitor', 'Protect'].map((mode) => ({ value: mode, label: t(`mode.${mode.toLowerCase()}`) }))}
    />
  );
}
