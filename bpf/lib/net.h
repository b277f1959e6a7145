/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Network policy: which rule holds, and who is told. */
#ifndef RAMPART_NET_H
#define RAMPART_NET_H

#define AF_INET_ 2
#define IPPROTO_ICMP_ 1
#define IPPROTO_TCP__ 6
#define IPPROTO_UDP_ 17
#define IPPROTO_ICMPV6_ 58
#define IPPROTO_SCTP_ 132
#define IPPROTO_MPTCP_ 262
/* The same verdict on the same peer is told once in this time. */
#define REPORT_EVERY_NS 1000000000ULL

static __always_inline void map_ipv4(__u8 *out, __be32 address)
{
	__builtin_memset(out, 0, 10);
	out[10] = 0xff;
	out[11] = 0xff;
	__builtin_memcpy(out + 12, &address, 4);
}

static __always_inline bool is_mapped(const __u32 *words)
{
	return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

/* 127.0.0.0/8, ::1, and the unspecified address, which connects to the machine itself. */
static __always_inline bool is_own(const __u8 *address)
{
	const __u32 *words = (const __u32 *)address;

	if (is_mapped(words))
		return address[12] == 127 || words[3] == 0;
	return words[0] == 0 && words[1] == 0 && words[2] == 0 &&
	       (words[3] == 0 || words[3] == bpf_htonl(1));
}

static __always_inline __u32 protocol_class(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP__:
		return RP_CLASS_TCP;
	case IPPROTO_UDP_:
		return RP_CLASS_UDP;
	case IPPROTO_ICMP_:
	case IPPROTO_ICMPV6_:
		return RP_CLASS_ICMP;
	case IPPROTO_SCTP_:
		return RP_CLASS_SCTP;
	}
	return RP_CLASS_ANY;
}

struct decision {
	__u32 rank;
	__u32 rule;
	__u8 verdict;
};

static __always_inline void consider(struct decision *best, struct rp_rule_key *key, __u32 class)
{
	struct rp_rule *rule;

	key->class = class;
	rule = bpf_map_lookup_elem(&rules, key);
	if (rule && rule->rank < best->rank) {
		best->rank = rule->rank;
		best->rule = rule->rule;
		best->verdict = rule->verdict;
	}
}

/* First rule in policy order; `port` is the serving end's. */
static __always_inline struct decision decide(struct rp_policy *policy, __u8 dir, __u8 proto,
					      __u16 port, const __u8 *peer)
{
	struct decision best = { .rank = ~0U, .verdict = policy->default_verdict };
	struct rp_port_key port_key = {
		.prefix_len = RP_PORT_FIXED_BITS + 16,
		.set = policy->set,
		.proto = proto,
		.dir = dir,
		.port_be = bpf_htons(port),
	};
	struct rp_rule_key key = {
		.prefix_len = RP_RULE_FIXED_BITS + 128,
		.set = policy->set,
		.dir = dir,
	};
	__u32 *class, by_protocol = protocol_class(proto);

	__builtin_memcpy(key.peer, peer, 16);
	class = bpf_map_lookup_elem(&ports, &port_key);
	if (class)
		consider(&best, &key, *class);
	if (by_protocol != RP_CLASS_ANY)
		consider(&best, &key, by_protocol);
	consider(&best, &key, RP_CLASS_ANY);
	return best;
}

/* Whether a verdict is news: not told lately under this set of rules. */
static __always_inline bool is_news(struct rp_report_key *key, __u32 set)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct rp_report *last = bpf_map_lookup_elem(&reported, key);
	struct rp_report fresh = { .at_ns = now, .set = set };

	if (last && last->set == set && now - last->at_ns < REPORT_EVERY_NS)
		return false;
	bpf_map_update_elem(&reported, key, &fresh, BPF_ANY);
	return true;
}

static __always_inline void report_flow(const struct rp_flow_key *flow, struct rp_policy *policy,
					const struct decision *decision, __u8 dir, __u8 hook,
					__u32 pid)
{
	__u16 port = dir == RP_INGRESS ? flow->local_port : flow->peer_port;
	struct rp_report_key key = {
		.label = flow->label,
		.port = port,
		.proto = flow->proto,
		.dir = dir,
	};
	struct rp_net record = {};

	__builtin_memcpy(key.peer, flow->peer, 16);
	if (!is_news(&key, policy->set))
		return;
	fill_head(&record.head, RP_NET, sizeof(record));
	record.label = flow->label;
	record.pid = pid;
	record.rule = decision->rule;
	record.verdict = decision->verdict;
	record.dir = dir;
	record.proto = flow->proto;
	record.hook = hook;
	__builtin_memcpy(record.local, flow->local, 16);
	__builtin_memcpy(record.peer, flow->peer, 16);
	record.local_port = flow->local_port;
	record.peer_port = flow->peer_port;
	if (pid)
		bpf_get_current_comm(record.comm, RP_COMM);
	send_critical(&record, sizeof(record), false);
}

#endif
