import { useMediaQuery } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

export interface Column<T> {
  key: string;
  head: string;
  cell: (row: T) => ReactNode;
  /** What the column sorts by; without it the column cannot be sorted. */
  sort?: (row: T) => string | number;
  width?: number | string;
  right?: boolean;
  /** No padding, for a mark between two columns. */
  tight?: boolean;
  /** Left out where the window is narrow, so that what matters is seen without scrolling. */
  spare?: boolean;
}

interface Props<T> {
  label: string;
  rows: T[];
  columns: Column<T>[];
  rowKey: (row: T) => string;
  onOpen?: (row: T) => void;
  selected?: string | null;
  /** Rows shown as not in force. */
  isOff?: (row: T) => boolean;
  initialSort?: { key: string; desc?: boolean };
  empty?: ReactNode;
  footer?: ReactNode;
  maxHeight?: number | string;
  minWidth?: number;
}

const ROW = 37;
const NARROW = '(max-width: 1020px)';
/** A narrow table scrolls sideways below this. */
const NARROW_WIDTH = 600;
/** Shorter tables are rendered whole. */
const VIRTUAL_FROM = 120;

/** A dense table: sticky head, sorting, arrow keys from row to row, Enter opens, long lists drawn in
 * part. */
export function DataTable<T>(given: Props<T>) {
  const narrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const props = useMemo(() => (narrow && given.columns.some((c) => c.spare) ? { ...given, columns: given.columns.filter((c) => !c.spare), minWidth: NARROW_WIDTH } : given), [narrow, given]);
  const { label, rows, columns, rowKey, empty, footer, maxHeight, minWidth } = props;
  const [sort, setSort] = useState(props.initialSort);
  const [cursor, setCursor] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const sorted = useMemo(() => sortRows(rows, columns, sort), [rows, columns, sort]);
  const virtual = sorted.length > VIRTUAL_FROM;
  const virtualizer = useVirtualizer({ count: virtual ? sorted.length : 0, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 12 });
  const items = virtual ? virtualizer.getVirtualItems().map((i) => i.index) : sorted.map((_, i) => i);
  const before = virtual ? (virtualizer.getVirtualItems()[0]?.start ?? 0) : 0;
  const after = virtual ? virtualizer.getTotalSize() - (virtualizer.getVirtualItems().at(-1)?.end ?? 0) : 0;

  const focusRow = (index: number) => {
    const next = Math.max(0, Math.min(sorted.length - 1, index));
    setCursor(next);
    if (virtual) virtualizer.scrollToIndex(next);
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`tr[data-index="${next}"]`)?.focus());
  };

  return (
    <div className="table-box" ref={box} style={{ maxHeight }}>
      {rows.length === 0 ? (
        empty
      ) : (
        <table className="dt" aria-label={label} aria-rowcount={sorted.length} style={{ minWidth }}>
          <thead>
            <tr>
              {columns.map((column) => (
                <Head key={column.key} column={column} sort={sort} onSort={setSort} />
              ))}
            </tr>
          </thead>
          <tbody>
            {before > 0 ? <Spacer height={before} span={columns.length} /> : null}
            {items.map((index) => {
              const row = sorted[index];
              if (row === undefined) return null;
              const key = rowKey(row);
              return <Row key={key} row={row} index={index} current={Math.min(cursor, sorted.length - 1) === index} props={props} id={key} onMove={focusRow} last={sorted.length - 1} />;
            })}
            {after > 0 ? <Spacer height={after} span={columns.length} /> : null}
          </tbody>
        </table>
      )}
      {footer}
    </div>
  );
}

function Row<T>({ row, index, current, props, id, onMove, last }: { row: T; index: number; current: boolean; props: Props<T>; id: string; onMove: (index: number) => void; last: number }) {
  const { columns, onOpen, selected, isOff } = props;
  const onKeyDown = (event: KeyboardEvent<HTMLTableRowElement>) => {
    if (event.target !== event.currentTarget) return;
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: last, PageDown: index + 12, PageUp: index - 12 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      onMove(to);
    } else if (onOpen && (event.key === 'Enter' || event.key === ' ')) {
      event.preventDefault();
      onOpen(row);
    }
  };
  return (
    <tr
      data-index={index}
      data-click={onOpen ? '' : undefined}
      data-off={isOff?.(row) ? '' : undefined}
      aria-rowindex={index + 1}
      aria-selected={selected === undefined ? undefined : selected === id}
      tabIndex={current ? 0 : -1}
      onClick={onOpen ? () => onOpen(row) : undefined}
      onKeyDown={onKeyDown}
    >
      {columns.map((column) => (
        <td key={column.key} className={column.right ? 'right' : column.tight ? 'tight' : undefined}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

type Sort = { key: string; desc?: boolean } | undefined;

function Head<T>({ column, sort, onSort }: { column: Column<T>; sort: Sort; onSort: (sort: Sort) => void }) {
  const { t } = useTranslation();
  const active = sort?.key === column.key;
  const className = column.right ? 'right' : undefined;
  if (!column.sort) {
    return (
      <th scope="col" style={{ width: column.width }} className={className}>
        {column.head}
      </th>
    );
  }
  return (
    <th scope="col" style={{ width: column.width }} className={className} aria-sort={active ? (sort.desc ? 'descending' : 'ascending') : 'none'}>
      <button type="button" className="sort" title={t('table.sortBy', { column: column.head })} onClick={() => onSort({ key: column.key, desc: active ? !sort.desc : false })}>
        {column.head}
        {active ? sort.desc ? <IconArrowDown size={12} /> : <IconArrowUp size={12} /> : null}
      </button>
    </th>
  );
}

const Spacer = ({ height, span }: { height: number; span: number }) => (
  <tr aria-hidden="true">
    <td colSpan={span} style={{ height, padding: 0, border: 0 }} />
  </tr>
);

function sortRows<T>(rows: T[], columns: Column<T>[], sort: Sort): T[] {
  const by = columns.find((c) => c.key === sort?.key)?.sort;
  if (!by) return rows;
  const sign = sort?.desc ? -1 : 1;
  const compare = (a: string | number, b: string | number) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
  return rows.map((row) => ({ row, key: by(row) })).sort((a, b) => sign * compare(a.key, b.key)).map(({ row }) => row);
}
