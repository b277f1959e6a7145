import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ComponentType, lazy } from 'react';
import { BrowserRouter, Navigate, Route, Routes } from 'react-router';
import { ConfirmProvider } from './components/Confirm';
import { Shell } from './components/Shell';
import { LoadingRows } from './components/States';
import { ApiError } from './services/http';
import { SessionProvider, useSession } from './services/session';
import { resolver, theme } from './theme';
import { LoginView } from './views/login/LoginView';

/** A page loaded when it is first opened; a network hiccup gets a second try. */
const part = <P extends object>(load: () => Promise<{ default: ComponentType<P> }>) =>
  lazy(() => load().catch(() => new Promise<{ default: ComponentType<P> }>((done, fail) => setTimeout(() => load().then(done, fail), 600))));

const DashboardView = part(() => import('./views/dashboard/DashboardView'));
const ContainersView = part(() => import('./views/containers/ContainersView'));
const ContainerView = part(() => import('./views/containers/ContainerView'));
const GroupsView = part(() => import('./views/groups/GroupsView'));
const GroupView = part(() => import('./views/groups/GroupView'));
const NetworkView = part(() => import('./views/network/NetworkView'));
const EventsView = part(() => import('./views/events/EventsView'));
const NodesView = part(() => import('./views/nodes/NodesView'));
const RulesView = part(() => import('./views/policy/RulesView'));
const DetectionView = part(() => import('./views/detection/DetectionView'));
const ResponseView = part(() => import('./views/response/ResponseView'));
const RegistriesView = part(() => import('./views/scan/RegistriesView'));
const RegistryView = part(() => import('./views/scan/RegistryView'));
const ImageView = part(() => import('./views/scan/ImageView'));
const VulnerabilitiesView = part(() => import('./views/scan/VulnerabilitiesView'));
const SettingsView = part(() => import('./views/settings/SettingsView'));
const NotFoundView = part(() => import('./views/NotFoundView'));

/** The client of the queries: a refusal is final, a failed connection is tried again. */
export const makeClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5000,
        refetchOnWindowFocus: true,
        retry: (tries, error) => tries < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
        retryDelay: (tries) => 500 * 2 ** tries,
      },
    },
  });

const client = makeClient();
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
// The name under which the scroll lock of windows and drawers looks for it.
Object.assign(globalThis, { __webpack_nonce__: nonce });

export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={resolver} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <Notifications position="bottom-right" limit={4} />
      <QueryClientProvider client={client}>
        <SessionProvider>
          <ConfirmProvider>
            <BrowserRouter>
              <Pages />
            </BrowserRouter>
          </ConfirmProvider>
        </SessionProvider>
      </QueryClientProvider>
    </MantineProvider>
  );
}

export function Pages() {
  const { user } = useSession();
  if (user === undefined) return <LoadingRows rows={3} />;
  if (user === null) return <LoginView />;
  return (
    <Routes>
      <Route element={<Shell />}>
        <Route index element={<DashboardView />} />
        <Route path="containers" element={<ContainersView />} />
        <Route path="containers/:id" element={<ContainerView />} />
        <Route path="groups" element={<GroupsView />} />
        <Route path="groups/:name" element={<GroupView />} />
        <Route path="network" element={<NetworkView />} />
        <Route path="events" element={<EventsView />} />
        <Route path="nodes" element={<NodesView />} />
        <Route path="nodes/:id" element={<NodesView />} />
        <Route path="vulnerabilities" element={<VulnerabilitiesView />} />
        <Route path="registries" element={<RegistriesView />} />
        <Route path="registries/:name" element={<RegistryView />} />
        <Route path="registries/:name/images/:id" element={<ImageView />} />
        <Route path="detection" element={<DetectionView />} />
        <Route path="rules" element={<RulesView />} />
        <Route path="response" element={<ResponseView />} />
        <Route path="settings" element={<Navigate to="/settings/users" replace />} />
        <Route path="settings/:tab" element={<SettingsView />} />
        <Route path="*" element={<NotFoundView />} />
      </Route>
    </Routes>
  );
}
