import { Fragment } from 'react';
import { safeParts, safeText } from '../services/text';

interface Props {
  value: unknown;
  mono?: boolean;
  /** One line, cut with an ellipsis, whole text in the tooltip of the browser. */
  clip?: boolean;
  wrap?: boolean;
  /** Break lines after slashes, colons and at signs, as in names of images, before anywhere else. */
  breaks?: boolean;
  max?: number;
  empty?: string;
}

/** A name or any other text of a workload, as text only. */
export function Safe({ value, mono, clip, wrap, breaks, max, empty = '–' }: Props) {
  const parts = safeParts(value, max);
  const names = [mono && 'mono', clip && 'clip', wrap && 'wrap'].filter(Boolean).join(' ') || undefined;
  if (parts.length === 0) return <span className="dim">{empty}</span>;
  return (
    <bdi className={names} title={clip ? safeText(value, 600) : undefined}>
      {parts.map((part, i) =>
        part.escaped ? (
          <span className="esc" key={i}>
            {part.text}
          </span>
        ) : (
          <Fragment key={i}>{breaks ? part.text.split(/(?<=[/:@])/).map((piece, n) => (n ? <Fragment key={n}><wbr />{piece}</Fragment> : piece)) : part.text}</Fragment>
        ),
      )}
    </bdi>
  );
}
