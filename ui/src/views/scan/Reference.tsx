import { Safe } from '../../components/Safe';

/** An address from a feed: opened only if it is one of the web, and never with our address. */
export function Reference({ link }: { link: string | undefined }) {
  if (!link) return null;
  if (!/^https?:\/\//i.test(link)) return <Safe value={link} wrap breaks />;
  return (
    <a className="link" href={link} target="_blank" rel="noopener noreferrer nofollow">
      <Safe value={link} wrap breaks />
    </a>
  );
}
