/** A wall with its battlements and a gate, in the outline of a shield. */
export function Logo({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 5h5.200v4h4.200V5h5.200v4h4.200V5H28v11.500c0 6-4.900 9.900-12 12.900C8.900 26.400 4 22.500 4 16.500Z" fill="#6a92e4" />
      <path d="M16 14a4 4 0 0 1 4 4v7.400a36 36 0 0 1-4 2.000 36 36 0 0 1-4-2.000V18a4 4 0 0 1 4-4Z" fill="#111a24" />
    </svg>
  );
}
