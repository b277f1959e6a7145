//! Model providers.
//!
//! The samples are made up: random, with right checksums where the rule has one.

use super::super::{
    check,
    rule::{Rule, named, token},
};

pub(super) const RULES: &[Rule] = &[
    token(
        "openai-key",
        "OpenAI API key",
        &["T3BlbkFJ"],
        r#"\b(sk-(?:(?:proj|svcacct|admin)-)?[\w-]{20,74}T3BlbkFJ[\w-]{20,74})(?:[^\w-]|$)"#,
        &["OPENAI_API_KEY=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"],
        &["OPENAI_API_KEY=sk-mhBHmI6jlT3BlbkFJY4yBPBZCq"],
    ),
    token(
        "anthropic-key",
        "Anthropic API key",
        &["sk-ant-"],
        r#"\b(sk-ant-(?:api|admin)\d{2}-[\w-]{93}AA)(?:[^\w-]|$)"#,
        &[
            "sk-ant-api03-gA9I8Lj8OjEHflNWf0E9LEHXJEc3bhp3eMvmerd98Pv4GCoNTPQg2QR9ZpfH3hdc5sEIupldG1g6ffJjlMQGT3s72qf8EAA",
        ],
        &["sk-ant-api03-x9M33H0jhPwBWD0oqG0RTlYwyRZDopUzVYbTV0iFhr6YwAA"],
    ),
    token(
        "hugging-face-token",
        "Hugging Face token",
        &["hf_", "api_org_"],
        r#"\b(hf_[A-Za-z]{34}|api_org_[A-Za-z]{34})\b"#,
        &["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"],
        &["hf_ScjZQRhkzxtvrYgF"],
    )
    .entropy(3.5),
    token(
        "replicate-token",
        "Replicate token",
        &["r8_"],
        r#"\b(r8_[A-Za-z0-9]{37})\b"#,
        &["r8_67H7a551SLQPwGtQgyJzOIYBJ6nzj7mQirtkQ"],
        &["r8_6uQTLCXWm3M644Klw"],
    )
    .check(check::mixed),
    token(
        "groq-key",
        "Groq API key",
        &["gsk_"],
        r#"\b(gsk_[A-Za-z0-9]{52})\b"#,
        &["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"],
        &["gsk_oIh07gVhgmUavFj1AisrCihER"],
    ),
    token(
        "perplexity-key",
        "Perplexity API key",
        &["pplx-"],
        r#"\b(pplx-[A-Za-z0-9]{48})\b"#,
        &["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"],
        &["pplx-I4kgmXXyzoLjskt18cBicFe"],
    ),
    token(
        "xai-key",
        "xAI API key",
        &["xai-"],
        r#"\b(xai-[A-Za-z0-9]{80})\b"#,
        &["xai-LZtu6JIH5KwtugUSQHVnUee1G0yAxLrLSKqzdw9CjNYmLe8MwF977LDjfh01tjyzXxIBwG422YRG2YhY"],
        &["xai-P6DTRGRpi5lCgKJybzycOjbYOqZpgEnl0aWKR0W"],
    ),
    token(
        "openrouter-key",
        "OpenRouter API key",
        &["sk-or-v1-"],
        r#"\b(sk-or-v1-[0-9a-f]{64})\b"#,
        &["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"],
        &["sk-or-v1-27fd4ed1c98398c13760d43deee900b"],
    ),
    token(
        "langsmith-key",
        "LangSmith API key",
        &["lsv2_pt_", "lsv2_sk_"],
        r#"\b(lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10})\b"#,
        &["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"],
        &["lsv2_pt_121c06d7a400a02_e6ee"],
    ),
    token(
        "pinecone-key",
        "Pinecone API key",
        &["pcsk_"],
        r#"\b(pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{50,70})\b"#,
        &["pcsk_5gTSma_wmGgN7S5UNCprxAejuweVXDPD8O9gfXCUYghGnAMXRIk348FyY0Vd3CYRjLi"],
        &["pcsk_2k_UPUs2itTlilzVLj0Pv6TVpV3tXom6"],
    ),
    named(
        "cohere-key",
        "Cohere API key",
        &["cohere", "coapi"],
        "^[A-Za-z0-9]{40}$",
        &["COHERE_API_KEY=OILR21oermQIA8gr2ZocrREfEOOvkFwABHQAByA4"],
        &["COHERE_API_KEY=Q1ldd96kIQemxXaxurq"],
    )
    .entropy(3.8)
    .check(check::mixed),
    named(
        "mistral-key",
        "Mistral API key",
        &["mistral"],
        "^[A-Za-z0-9]{32}$",
        &["MISTRAL_API_KEY=MklOJX4ONPkicbUpjGUThJ4Scbg2j4Cq"],
        &["MISTRAL_API_KEY=srlnwPXOTZkk6tH"],
    )
    .entropy(3.8),
    named(
        "wandb-key",
        "Weights & Biases key",
        &["wandb"],
        "^[0-9a-f]{40}$",
        &["WANDB_API_KEY=eb79a12be777db30f956b27200a30738fc26a69b"],
        &["WANDB_API_KEY=66df13f22619e9b1d82"],
    ),
];
