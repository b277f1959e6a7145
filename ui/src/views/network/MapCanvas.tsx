import { ActionIcon, Tooltip, useComputedColorScheme } from '@mantine/core';
import { useReducedMotion } from '@mantine/hooks';
import { IconFocusCentered, IconLayoutDistributeVertical, IconZoomIn, IconZoomOut } from '@tabler/icons-react';
import cytoscape, { type CollectionReturnValue, type Core, type ElementDefinition, type StylesheetJson } from 'cytoscape';
import fcose from 'cytoscape-fcose';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { MapData } from '../../services/graph';
import { safeText } from '../../services/text';
import type { Selection } from './Detail';

cytoscape.use(fcose);

/** Cytoscape adds a style element without a nonce unless something has its id; our own style sheet
 * has what it would say. */
function claimStyle() {
  const id = '__________cytoscape_stylesheet';
  if (document.getElementById(id)) return;
  const mark = document.createElement('meta');
  mark.id = id;
  document.head.append(mark);
}

interface Props {
  data: MapData;
  selected: Selection | null;
  onSelect: (selection: Selection | null) => void;
}

function elements(data: MapData): ElementDefinition[] {
  const label = (text: string) => safeText(text.length > 34 ? `${text.slice(0, 32)}…` : text);
  return [
    ...data.parents.map((p) => ({ data: { id: p.id, label: label(p.label), parentNode: 1 } })),
    ...data.nodes.map((n) => ({ data: { id: n.id, parent: n.parent, label: label(n.members.length > 1 ? `${n.label} ×${n.members.length}` : n.label), kind: n.kind, mode: n.mode.toLowerCase(), quarantined: n.quarantined ? 1 : 0 } })),
    ...data.edges.map((e) => ({ data: { id: e.id, source: e.from, target: e.to, verdict: e.verdict, width: 1 + Math.min(2.6, Math.log10(1 + e.bytes) / 3) } })),
  ];
}

/** Outlines of a box, a globe and a server, as pictures for the canvas. */
const ICONS = {
  container: '<path d="M12 3l8 4.5v9L12 21l-8-4.500v-9zM12 12l8-4.500M12 12v9M12 12L4 7.500"/>',
  external: '<path d="M3 12a9 9 0 1 0 18 0 9 9 0 1 0-18 0M3.600 9h16.800M3.600 15h16.800M11.500 3a17 17 0 0 0 0 18M12.500 3a17 17 0 0 1 0 18"/>',
  node: '<path d="M4 5h16v6H4zM4 13h16v6H4zM8 8v.01M8 16v.01"/>',
};
const picture = (name: keyof typeof ICONS, stroke: string) =>
  `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48" viewBox="0 0 24 24" fill="none" stroke="${stroke}" stroke-width="1.700" stroke-linejoin="round" stroke-linecap="round">${ICONS[name]}</svg>`)}`;

function styles(): StylesheetJson {
  const css = getComputedStyle(document.documentElement);
  const color = (name: string) => css.getPropertyValue(name).trim();
  const font = 'Inter Variable, system-ui, sans-serif';
  const text = color('--mantine-color-text');
  const edge = (verdict: string, style: Record<string, unknown>) => ({ selector: `edge[verdict = "${verdict}"]`, style: { 'line-color': color(`--rp-chart-${verdict}`), 'target-arrow-color': color(`--rp-chart-${verdict}`), ...style } });
  const mode = (name: string, tone: string) => ({ selector: `node[mode = "${name}"]`, style: { 'border-color': color(`--rp-chart-${tone}`) } });
  return [
    { selector: 'node', style: { label: 'data(label)', 'font-family': font, 'font-size': 12, 'font-weight': 500, color: text, 'text-valign': 'bottom', 'text-margin-y': 5, 'text-outline-width': 2.5, 'text-outline-color': color('--rp-surface'), width: 34, height: 34, shape: 'round-rectangle', 'background-color': color('--rp-sunken'), 'border-width': 2.5, 'border-color': color('--rp-muted'), 'background-image': picture('container', color('--rp-muted')), 'background-width': '62%', 'background-height': '62%' } },
    { selector: 'node[kind != "container"]', style: { shape: 'ellipse', width: 36, height: 36, 'background-image': picture('external', color('--rp-muted')) } },
    { selector: 'node[kind = "node"], node[kind = "host"], node[kind = "node_ip"]', style: { shape: 'hexagon', 'background-image': picture('node', color('--rp-muted')) } },
    { selector: 'node[parentNode]', style: { shape: 'round-rectangle', 'background-image': 'none', 'background-color': color('--rp-sunken'), 'background-opacity': 0.55, 'border-width': 1, 'border-style': 'solid', 'border-color': color('--mantine-color-default-border'), 'text-valign': 'top', 'text-margin-y': -5, 'font-weight': 600, 'font-size': 12, color: color('--mantine-color-dimmed'), padding: '18px' } },
    mode('protect', 'allow'),
    mode('monitor', 'violate'),
    mode('discover', 'learn'),
    { selector: 'node[quarantined = 1]', style: { 'border-color': color('--rp-chart-deny'), 'border-style': 'double', 'border-width': 5 } },
    { selector: 'edge', style: { width: 'data(width)', 'curve-style': 'bezier', 'target-arrow-shape': 'triangle', 'arrow-scale': 0.9, opacity: 0.85 } },
    edge('allow', { opacity: 0.7 }),
    edge('learn', { opacity: 0.7 }),
    edge('violate', { 'line-style': 'dashed', 'line-dash-pattern': [9, 5], width: 2.6, 'z-index': 5, opacity: 1 }),
    edge('deny', { 'target-arrow-shape': 'tee', 'line-style': 'dashed', 'line-dash-pattern': [3, 4], width: 3.4, 'arrow-scale': 1.3, 'z-index': 6, opacity: 1 }),
    { selector: ':selected', style: { 'overlay-color': color('--mantine-primary-color-filled'), 'overlay-opacity': 0.16, 'overlay-padding': 5 } },
    { selector: '.faded', style: { opacity: 0.3 } },
  ] as unknown as StylesheetJson;
}

/** Large maps are laid out faster and less neatly. */
const layout = (randomize: boolean, nodes: number) =>
  ({ name: 'fcose', quality: nodes > 1000 && randomize ? 'draft' : nodes > 200 ? 'default' : 'proof', animate: false, randomize, nodeSeparation: 110, idealEdgeLength: 135, nodeRepulsion: 20000, padding: 44, packComponents: true, nodeDimensionsIncludeLabels: true, uniformNodeDimensions: false }) as cytoscape.LayoutOptions;

/** Brings the drawing up to date; what is there keeps its place unless there is something new. */
function sync(cy: Core, data: MapData, first: boolean) {
  const wanted = elements(data);
  const ids = new Set(wanted.map((e) => e.data.id));
  let fresh = 0;
  cy.batch(() => {
    cy.elements().filter((e) => !ids.has(e.id())).remove();
    for (const element of wanted) {
      const old = cy.getElementById(element.data.id ?? '');
      if (old.empty()) {
        cy.add(element);
        if (!element.data.source) fresh++;
      } else {
        old.data(element.data);
        if (old.isNode() && !element.data.parentNode) old.move({ parent: element.data.parent ?? null });
      }
    }
  });
  if (fresh > 0) cy.layout(layout(first, data.nodes.length)).run();
}

export default function MapCanvas({ data, selected, onSelect }: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const core = useRef<Core | null>(null);
  const select = useRef(onSelect);
  const calm = useReducedMotion();
  const scheme = useComputedColorScheme();
  select.current = onSelect;

  useEffect(() => {
    claimStyle();
    const cy = cytoscape({ container: box.current, minZoom: 0.15, maxZoom: 3, boxSelectionEnabled: false, style: styles(), pixelRatio: 'auto' as unknown as number });
    core.current = cy;
    cy.on('tap', (event) => {
      if (event.target === cy) select.current(null);
      else if (event.target.isEdge()) select.current({ kind: 'edge', id: event.target.id() });
      else if (!event.target.data('parentNode')) select.current({ kind: 'node', id: event.target.id() });
    });
    const watcher = new ResizeObserver(() => cy.resize());
    if (box.current) watcher.observe(box.current);
    return () => {
      watcher.disconnect();
      cy.destroy();
      core.current = null;
    };
  }, []);

  useEffect(() => {
    const cy = core.current;
    if (cy) sync(cy, data, cy.elements().empty());
  }, [data]);

  useEffect(() => {
    // The scheme's variables are in force after this frame.
    const frame = requestAnimationFrame(() => core.current?.style(styles()));
    return () => cancelAnimationFrame(frame);
  }, [scheme]);

  useEffect(() => {
    const cy = core.current;
    if (!cy) return;
    cy.batch(() => {
      cy.elements().removeClass('faded').unselect();
      const chosen: CollectionReturnValue = selected ? cy.getElementById(selected.id) : cy.collection();
      if (chosen.empty()) return;
      const near = selected?.kind === 'node' ? chosen.closedNeighborhood() : chosen.union(chosen.connectedNodes());
      cy.elements().not(near).not(near.ancestors()).addClass('faded');
      chosen.select();
    });
  }, [selected, data]);

  const zoom = (factor: number) => {
    const cy = core.current;
    if (cy) cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
  };
  const fit = () => (calm ? core.current?.fit(undefined, 46) : core.current?.animate({ fit: { eles: core.current.elements(), padding: 46 } }, { duration: 200 }));
  return (
    <div className="map">
      <div ref={box} className="map-canvas" role="img" aria-label={t('network.canvas', { nodes: data.nodes.length, edges: data.edges.length })} />
      <div className="map-tools">
        <Tool label={t('network.zoomIn')} icon={<IconZoomIn size={16} />} onClick={() => zoom(1.3)} />
        <Tool label={t('network.zoomOut')} icon={<IconZoomOut size={16} />} onClick={() => zoom(1 / 1.3)} />
        <Tool label={t('network.fit')} icon={<IconFocusCentered size={16} />} onClick={fit} />
        <Tool label={t('network.arrange')} icon={<IconLayoutDistributeVertical size={16} />} onClick={() => core.current?.layout(layout(true, data.nodes.length)).run()} />
      </div>
      <MapLegend />
    </div>
  );
}

const Tool = ({ label, icon, onClick }: { label: string; icon: React.ReactNode; onClick: () => void }) => (
  <Tooltip label={label} position="left">
    <ActionIcon size="md" aria-label={label} onClick={onClick}>{icon}</ActionIcon>
  </Tooltip>
);

function MapLegend() {
  const { t } = useTranslation();
  const line = (tone: string, dash?: string) => (
    <svg width="30" height="8" aria-hidden="true"><line x1="1" y1="4" x2="29" y2="4" stroke={`var(--rp-chart-${tone})`} strokeWidth={tone === 'deny' ? 3 : 2} strokeDasharray={dash} /></svg>
  );
  const dot = (tone: string, style = 'solid') => <span style={{ width: 12, height: 12, borderRadius: 3, border: `${style === 'double' ? 4 : 2.5}px ${style} var(--rp-chart-${tone})`, display: 'inline-block' }} aria-hidden />;
  return (
    <div className="map-legend legend" aria-label={t('network.legend')}>
      <span>{line('allow')}{t('verdict.allow')}</span>
      <span>{line('learn')}{t('verdict.learn')}</span>
      <span>{line('violate', '6 4')}{t('verdict.violate')}</span>
      <span>{line('deny', '3 4')}{t('verdict.deny')}</span>
      <span style={{ marginLeft: 8 }}>{dot('allow')}{t('mode.protect')}</span>
      <span>{dot('violate')}{t('mode.monitor')}</span>
      <span>{dot('learn')}{t('mode.discover')}</span>
      <span>{dot('deny', 'double')}{t('quarantine.tag')}</span>
    </div>
  );
}
