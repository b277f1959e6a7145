/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Packets of labelled sockets: the flow table, its bytes and packets, and the verdict of each
 * flow. A flow is judged once, for the side that began it; its replies pass with it.
 */

#define ETH_P_IP_BE bpf_htons(0x0800)
#define ETH_P_IPV6_BE bpf_htons(0x86dd)
#define LOOPBACK_IFINDEX 1
#define EXTENSION_HEADERS 6
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define EPHEMERAL_FIRST 32768

struct packet {
	__u8 source[16];
	__u8 target[16];
	__u16 source_port;
	__u16 target_port;
	__u8 proto;
	__u8 tcp_flags;
	/* Errors and neighbour discovery: the network does not work without them. */
	bool control;
};

static __always_inline bool parse_ports(struct __sk_buff *skb, __u32 offset, struct packet *out)
{
	__u8 head[14];

	if (out->proto == IPPROTO_ICMP_ || out->proto == IPPROTO_ICMPV6_) {
		if (bpf_skb_load_bytes(skb, offset, head, 1))
			return false;
		out->control = out->proto == IPPROTO_ICMP_ ?
			head[0] == 3 || head[0] == 11 || head[0] == 12 :
			(head[0] >= 1 && head[0] <= 4) || (head[0] >= 130 && head[0] <= 137);
		return true;
	}
	if (out->proto == IPPROTO_TCP__) {
		if (bpf_skb_load_bytes(skb, offset, head, 14))
			return false;
		out->tcp_flags = head[13];
	} else if (out->proto == IPPROTO_UDP_ || out->proto == IPPROTO_SCTP_) {
		if (bpf_skb_load_bytes(skb, offset, head, 4))
			return false;
	} else {
		return true;
	}
	out->source_port = (head[0] << 8) | head[1];
	out->target_port = (head[2] << 8) | head[3];
	return true;
}

static __always_inline bool parse4(struct __sk_buff *skb, struct packet *out)
{
	__u8 head[20] __attribute__((aligned(4)));

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return false;
	out->proto = head[9];
	map_ipv4(out->source, *(__be32 *)(head + 12));
	map_ipv4(out->target, *(__be32 *)(head + 16));
	/* A later fragment has no ports: it is judged by address alone. */
	if (((head[6] & 0x1f) << 8) | head[7])
		return true;
	return parse_ports(skb, (head[0] & 0xf) * 4, out);
}

static __always_inline bool is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 44 || next == 60 || next == 135;
}

static __always_inline bool parse6(struct __sk_buff *skb, struct packet *out)
{
	__u8 head[40] __attribute__((aligned(8))), ext[4];
	__u32 offset = sizeof(head);
	int i;

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return false;
	__builtin_memcpy(out->source, head + 8, 16);
	__builtin_memcpy(out->target, head + 24, 16);
	out->proto = head[6];
	for (i = 0; i < EXTENSION_HEADERS && is_extension(out->proto); i++) {
		if (bpf_skb_load_bytes(skb, offset, ext, sizeof(ext)))
			return false;
		if (out->proto == 44) {
			bool later = (ext[2] << 8 | ext[3]) & 0xfff8;

			out->proto = ext[0];
			if (later)
				return true;
			offset += 8;
		} else {
			out->proto = ext[0];
			offset += (ext[1] + 1) * 8;
		}
	}
	if (is_extension(out->proto))
		return false;
	return parse_ports(skb, offset, out);
}

static __always_inline __u32 packet_label(struct __sk_buff *skb)
{
	struct rp_sock_state *socket;
	struct bpf_sock *sk = skb->sk;
	__u32 flags = 0;

	if (sk) {
		sk = bpf_sk_fullsock(sk);
		if (sk) {
			socket = bpf_sk_storage_get(&sockets, sk, 0, 0);
			if (socket && socket->label)
				return socket->label;
		}
	}
	return cgroup_label(bpf_skb_cgroup_id(skb), &flags);
}

/* Who began a flow whose first packet seen is this one. */
static __always_inline __u8 initiator(const struct packet *packet, __u8 dir)
{
	__u16 local, peer;

	if (packet->proto != IPPROTO_TCP__ ||
	    (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return dir;
	if ((packet->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return !dir;
	/* Older than the label, or forgotten: the ephemeral port is the caller's. */
	local = dir == RP_EGRESS ? packet->source_port : packet->target_port;
	peer = dir == RP_EGRESS ? packet->target_port : packet->source_port;
	return local >= EPHEMERAL_FIRST && local > peer ? RP_EGRESS : RP_INGRESS;
}

static __always_inline void judge_flow(const struct rp_flow_key *key, struct rp_flow *flow,
				       struct rp_policy *policy, bool control)
{
	struct decision decision = { .verdict = RP_ALLOW };

	flow->set = policy->set;
	if (!control)
		decision = decide(policy, flow->dir, key->proto,
				  flow->dir == RP_INGRESS ? key->local_port : key->peer_port,
				  key->peer);
	flow->rule = decision.rule;
	flow->verdict = decision.verdict;
	if (decision.verdict >= RP_VIOLATE)
		report_flow(key, policy, &decision, flow->dir, RP_HOOK_PACKET, 0);
}

static __always_inline void account(struct rp_flow *flow, __u8 dir, __u32 bytes, __u8 tcp_flags,
				    __u64 now)
{
	flow->last_ns = now;
	if (dir == RP_EGRESS) {
		__sync_fetch_and_add(&flow->bytes_out, bytes);
		__sync_fetch_and_add(&flow->packets_out, 1);
	} else {
		__sync_fetch_and_add(&flow->bytes_in, bytes);
		__sync_fetch_and_add(&flow->packets_in, 1);
	}
	if (tcp_flags & (TCP_FIN | TCP_RST))
		flow->flags |= RP_FLOW_CLOSED;
	else if (tcp_flags & TCP_SYN)
		flow->flags &= ~RP_FLOW_CLOSED;
}

static __always_inline void fill_key(struct rp_flow_key *key, const struct packet *packet,
				     __u32 label, __u8 dir)
{
	key->label = label;
	key->proto = packet->proto;
	if (dir == RP_EGRESS) {
		__builtin_memcpy(key->local, packet->source, 16);
		__builtin_memcpy(key->peer, packet->target, 16);
		key->local_port = packet->source_port;
		key->peer_port = packet->target_port;
	} else {
		__builtin_memcpy(key->local, packet->target, 16);
		__builtin_memcpy(key->peer, packet->source, 16);
		key->local_port = packet->target_port;
		key->peer_port = packet->source_port;
	}
}

static __always_inline struct rp_flow *open_flow(const struct rp_flow_key *key,
						 const struct packet *packet,
						 struct rp_policy *policy, __u8 dir, __u64 now)
{
	struct rp_flow fresh = { .first_ns = now, .dir = initiator(packet, dir) };

	if (policy)
		judge_flow(key, &fresh, policy, packet->control);
	bpf_map_update_elem(&flows, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&flows, key);
}

static __always_inline int judge_packet(struct __sk_buff *skb, __u8 dir)
{
	struct rp_flow_key key = {};
	struct packet packet = {};
	struct rp_policy *policy;
	struct rp_flow *flow;
	__u32 label = packet_label(skb);
	__u64 now;

	if (!label || skb->ifindex == LOOPBACK_IFINDEX)
		return 1;
	policy = bpf_map_lookup_elem(&policies, &label);
	if (skb->protocol == ETH_P_IP_BE ? !parse4(skb, &packet) : !parse6(skb, &packet))
		return !policy || policy->default_verdict != RP_DENY;
	fill_key(&key, &packet, label, dir);
	now = bpf_ktime_get_boot_ns();
	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow) {
		/* A port used again by a new connection, perhaps the other way round. */
		if ((packet.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && flow->dir != dir) {
			flow->dir = dir;
			flow->set = 0;
		}
		if (policy && flow->set != policy->set)
			judge_flow(&key, flow, policy, packet.control);
	} else {
		flow = open_flow(&key, &packet, policy, dir, now);
		if (!flow)
			return !policy || policy->default_verdict != RP_DENY;
	}
	if (policy && ((policy->flags & RP_POLICY_QUARANTINE) || flow->verdict == RP_DENY)) {
		flow->last_ns = now;
		__sync_fetch_and_add(&flow->denied, 1);
		count(RP_COUNT_PACKETS_DROPPED);
		return 0;
	}
	account(flow, dir, skb->len, packet.tcp_flags, now);
	return 1;
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	return judge_packet(skb, RP_INGRESS);
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	return judge_packet(skb, RP_EGRESS);
}
