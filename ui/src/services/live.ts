// Live updates: the controller says what kind of thing changed, and the queries of that kind are
// read again, at most once every two seconds.
import type { QueryClient } from '@tanstack/react-query';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { ChangeKind } from './types';

export type LiveState = 'connecting' | 'live' | 'lost';

const THROTTLE_MS = 2000;
const RETRY_MS = [1000, 2000, 5000, 10_000];
/** While there is no stream, everything on screen is read again this often. */
const POLL_MS = 15_000;

const KINDS: ReadonlySet<string> = new Set<ChangeKind>(['workload', 'group', 'policy', 'conversation', 'log', 'node', 'scan', 'system']);

/** The kind in a change message; nothing for messages of another version. */
export function changeKind(data: string): ChangeKind | undefined {
  try {
    const kind = (JSON.parse(data) as { kind?: unknown }).kind;
    return typeof kind === 'string' && KINDS.has(kind) ? (kind as ChangeKind) : undefined;
  } catch {
    return undefined;
  }
}

/** The controller's word that this reader was too slow and has missed changes. */
export const isResync = (data: string) => data.includes('"resync"');

/** Collects kinds and hands them over at most once per `interval`, the first at once. */
export function throttle(flush: (kinds: Set<ChangeKind>) => void, interval = THROTTLE_MS) {
  let waiting = new Set<ChangeKind>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const fire = () => {
    timer = undefined;
    if (waiting.size === 0) return;
    const kinds = waiting;
    waiting = new Set();
    flush(kinds);
    timer = setTimeout(fire, interval);
  };
  return {
    add(kind: ChangeKind) {
      waiting.add(kind);
      if (!timer) fire();
    },
    stop() {
      if (timer) clearTimeout(timer);
    },
  };
}

function connect(client: QueryClient, onState: (state: LiveState) => void): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  const gate = throttle((kinds) => {
    for (const kind of kinds) void client.invalidateQueries({ queryKey: [kind] });
  });
  const open = () => {
    source = new EventSource('/api/v1/live');
    source.addEventListener('open', () => {
      // Whatever happened while there was no stream has been missed.
      if (tries > 0) void client.invalidateQueries();
      tries = 0;
      onState('live');
    });
    source.addEventListener('change', (event) => {
      const { data } = event as MessageEvent<string>;
      const kind = changeKind(data);
      if (kind) gate.add(kind);
      else if (isResync(data)) void client.invalidateQueries();
    });
    source.addEventListener('error', () => {
      source?.close();
      onState('lost');
      retry = setTimeout(open, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
    });
  };
  open();
  return () => {
    source?.close();
    gate.stop();
    if (retry) clearTimeout(retry);
  };
}

/** Keeps the queries fresh for as long as the caller is mounted. */
export function useLive(): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>('connecting');
  useEffect(() => connect(client, setState), [client]);
  useEffect(() => {
    if (state !== 'lost') return undefined;
    const timer = setInterval(() => void client.invalidateQueries(), POLL_MS);
    return () => clearInterval(timer);
  }, [client, state]);
  return state;
}
