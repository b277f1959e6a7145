// Who is signed in. The session itself is the manager's cookie; here is only what it may do.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { signOut } from './actions';
import { ApiError, call, whenExpired } from './http';
import type { User } from './types';

interface Session {
  /** undefined: not known yet; null: nobody. */
  user: User | null | undefined;
  /** The session ended by itself, so the sign-in page says so. */
  expired: boolean;
  canWrite: boolean;
  enter: (user: User) => void;
  leave: () => Promise<void>;
}

const Context = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error('useSession outside of SessionProvider');
  return session;
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [user, setUser] = useState<User | null | undefined>(undefined);
  const [expired, setExpired] = useState(false);

  useEffect(() => {
    const control = new AbortController();
    call<{ user: User }>('/v1/selfuser', { signal: control.signal })
      .then((body) => setUser(body.user))
      .catch((error: unknown) => {
        if (error instanceof ApiError) setUser(null);
      });
    return () => control.abort();
  }, []);

  useEffect(() => {
    whenExpired(() => {
      setUser((old) => {
        if (old) setExpired(true);
        return null;
      });
    });
    return () => whenExpired(() => {});
  }, []);

  const enter = useCallback((next: User) => {
    client.clear();
    setExpired(false);
    setUser(next);
  }, [client]);

  const leave = useCallback(async () => {
    await signOut().catch(() => undefined);
    setExpired(false);
    setUser(null);
    client.clear();
  }, [client]);

  const value = useMemo(() => ({ user, expired, canWrite: ['admin', 'fedAdmin'].includes(user?.role ?? ''), enter, leave }), [user, expired, enter, leave]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}
