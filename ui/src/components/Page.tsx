import { Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { safeText } from '../services/text';

/** A page: title, what is in it in a few words, its actions. `fill` gives the height to the
 * content, which scrolls by itself. */
export function Page({ title, note, actions, fill, children }: { title: ReactNode; note?: ReactNode; actions?: ReactNode; fill?: boolean; children: ReactNode }) {
  useDocumentTitle(`${typeof title === 'string' ? safeText(title, 80) : 'Rampart'} · Rampart`);
  return (
    <div className={fill ? 'page fill' : 'page'}>
      <div className="toolbar" style={{ justifyContent: 'space-between', minHeight: 30 }}>
        <div style={{ display: 'flex', alignItems: 'baseline', gap: 12, minWidth: 0 }}>
          <Title order={1}>{title}</Title>
          {note ? <span className="dim">{note}</span> : null}
        </div>
        <div className="toolbar">{actions}</div>
      </div>
      {children}
    </div>
  );
}

export function Card({ title, aside, children, pad = true, style }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; pad?: boolean; style?: React.CSSProperties }) {
  return (
    <section className="card" style={style}>
      {title ? (
        <div className="card-head">
          <Title order={2}>{title}</Title>
          <div style={{ marginLeft: 'auto' }}>{aside}</div>
        </div>
      ) : null}
      {pad ? <div className="card-body">{children}</div> : children}
    </section>
  );
}

/** Label and value pairs; those without a value are left out. */
export function Facts({ items }: { items: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {items.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([label, value]) => (
        <div key={label} style={{ display: 'contents' }}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
