// Calls to the controller through the manager. The session is a cookie this code cannot read.

/** An answer that is not a success, in NeuVector's error shape where the server used it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    readonly title: string,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** A list is the same parameter several times. */
export type Params = Record<string, string | number | boolean | string[] | undefined>;

export interface Options {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: unknown;
  params?: Params;
  signal?: AbortSignal;
}

let onExpired: () => void = () => {};

/** Called when the controller no longer knows the session. */
export function whenExpired(handler: () => void): void {
  onExpired = handler;
}

/** One path segment: any name, also one with slashes. */
export const segment = (name: string | number) => encodeURIComponent(name);

export function buildUrl(path: string, params?: Params): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params ?? {})) {
    if (Array.isArray(value)) for (const item of value) search.append(key, item);
    else if (value !== undefined && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return `/api${path}${text ? `?${text}` : ''}`;
}

export async function call<T>(path: string, options: Options = {}): Promise<T> {
  const response = await answer(path, options);
  return parse<T>(await response.text(), response.status);
}

export interface FileAnswer {
  /** As the server named it. */
  name: string;
  type: string;
  text: string;
}

/** An answer that is a file to keep. */
export async function file(path: string, params?: Params): Promise<FileAnswer> {
  const response = await answer(path, { params });
  return { name: fileName(response.headers.get('content-disposition')), type: response.headers.get('content-type') ?? 'application/octet-stream', text: await response.text() };
}

/** A name without folders, whatever the header says; the browser makes the rest safe. */
export function fileName(disposition: string | null): string {
  const name = /filename="([^"]+)"/.exec(disposition ?? '')?.[1] ?? '';
  return name.split(/[\\/]/).pop() || 'download';
}

async function answer(path: string, { method = 'GET', body, params, signal }: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json', 'X-Rampart-Console': '1' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(buildUrl(path, params), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      signal,
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 0, 'offline', 'The console cannot be reached. Check that Rampart is running and your network is up.');
  }
  if (response.ok) return response;
  const error = failure(response.status, await response.text());
  if (response.status === 401 && path !== '/v1/auth') onExpired();
  throw error;
}

function parse<T>(text: string, status: number): T {
  if (!text.trim()) return {} as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(status, 0, 'answer', 'The answer could not be understood. The console and the controller may be of different versions.');
  }
}

function failure(status: number, text: string): ApiError {
  try {
    const body = JSON.parse(text) as { code?: number; error?: string; message?: string };
    return new ApiError(status, body.code ?? 0, body.error ?? '', body.message || body.error || `HTTP ${status}`);
  } catch {
    return new ApiError(status, 0, '', `The server answered with HTTP ${status}.`);
  }
}
