public import Admission
public import Domain
import Keys
import Postgres

extension TestDatabase {
    /// Judges submissions as one batch with fresh numbers, or with the given ones.
    public func admit(
        _ submissions: [Submission], ids: [TaskID]? = nil, again: Bool = false
    ) async throws -> [Verdict] {
        let numbers: [TaskID]
        if let ids { numbers = ids } else { numbers = try await TaskNumbers().take(submissions.count, in: pool) }
        let batch = zip(numbers, submissions).map { NumberedSubmission(id: $0, submission: $1) }
        return try await AdmitTasks()(batch, again: again, in: pool)
    }

    /// Submits what must be admitted.
    @discardableResult
    public func admitted(_ submissions: [Submission]) async throws -> [TaskID] {
        try await admit(submissions).map { try $0.outcome.get().id }
    }

    /// Makes a group with owner SQL for its columns, such as `rpm = 60, burst = 3`.
    public func makeGroup(_ name: String, setting columns: String = "weight = 1") async throws {
        try await rows("insert into user_groups (name) values ('\(name)')")
        try await rows("update user_groups set \(columns) where name = '\(name)'")
    }

    /// Sets a limit as a whole, the way an operator does; without figures it is lifted.
    public func limit(
        _ scope: QuotaScope, _ subject: String, model: String? = nil, rpm: Int? = nil, burst: Int? = nil,
        running: Int? = nil, pending: Int? = nil
    ) async throws {
        _ = try await pool.transaction { transaction in
            try await LimitBook().change(scope, subject, model: model, in: transaction) { plan in
                (plan.requestsPerMinute, plan.burst, plan.maxRunning, plan.maxPending) = (rpm, burst, running, pending)
            }
        }
    }

    /// Makes a model that costs as much as the first one.
    public func makeModel(_ name: String) async throws {
        try await rows("insert into models (name) values ('\(name)')")
        try await setPrice(model: name, micro: 26_000, from: "'2000-01-01'")
    }

    /// Sets a price and answers its version. `from` is SQL.
    @discardableResult
    public func setPrice(
        group: String = "default", model: String = "z-image-turbo", tier: String? = nil, rule: BillingRule = .perCall,
        micro: Int64, unitsMax: Int = 1, from: String = "now()"
    ) async throws -> Int64 {
        let tier = tier.map { "'\($0)'" } ?? "null"
        return try await number(
            """
            insert into prices (group_id, model_id, operation, size_tier, rule, amount, units_max, effective_from)
            select g.id, m.id, 'generate', \(tier), '\(rule.rawValue)', \(micro), \(unitsMax), \(from)
            from user_groups g, models m where g.name = '\(group)' and m.name = '\(model)' returning id
            """)
    }

    /// Lets time pass for prices: their dates move back by an SQL interval such as `1 hour`.
    public func agePrices(by interval: String) async throws {
        try await rows(
            """
            alter table prices disable trigger prices_immutable;
            update prices set effective_from = effective_from - interval '\(interval)',
                created_at = created_at - interval '\(interval)', withdrawn_at = withdrawn_at - interval '\(interval)';
            alter table prices enable trigger prices_immutable
            """)
    }

    /// All that a refusal may not touch, as text.
    public func moneyState() async throws -> [String?] {
        try await rows(
            """
            select (select string_agg(w::text, ' ' order by w.id) from wallets w),
                (select string_agg((k.id, k.rate_tat)::text, ' ' order by k.id) from api_keys k),
                (select string_agg(t::text, ' ' order by t.id) from tasks t),
                (select string_agg(q::text, ' ' order by q.task_id) from queue q),
                (select string_agg(l::text, ' ' order by l.lease) from leases l),
                (select string_agg(e::text, ' ' order by e.id) from entries e),
                (select string_agg(u::text, ' ' order by u.at, u::text) from usage_facts u),
                (select string_agg(i::text, ' ' order by i.wallet_id, i.key) from idempotency i),
                (select string_agg(a::text, ' ' order by a.lease) from attempts a),
                (select string_agg(c::text, ' ' order by c.id) from callbacks c),
                (select string_agg(l::text, ' ' order by l::text) from limit_counters l)
            """)[0]
    }
}

extension Submission {
    /// The same request with other values.
    public func changed(
        keyID: Int64? = nil, side: Int? = nil, model: String? = nil, callbackURL: String? = nil, pictures: Int? = nil
    ) -> Submission {
        var image = image
        if let pictures { image.pictures = pictures }
        if let side { (image.width, image.height, image.sizeText) = (side, side, "\(side)x\(side)") }
        return Submission(
            keyID: keyID ?? self.keyID, walletID: walletID, model: model ?? self.model, operation: operation,
            dialect: dialect, image: image, callbackURL: callbackURL ?? self.callbackURL,
            idempotencyKey: idempotencyKey, fingerprint: fingerprint)
    }
}

extension Verdict {
    /// The word that the database answered; an accepted task that was there before is `replayed`.
    public var word: String {
        switch outcome {
        case .success: replayed ? "replayed" : "accepted"
        case .failure(.keyUnknown): "key_unknown"
        case .failure(.keyRevoked): "key_revoked"
        case .failure(.keyExpired): "key_expired"
        case .failure(.accountSuspended): "account_suspended"
        case .failure(.idempotencyConflict): "idempotency_conflict"
        case .failure(.modelUnknown): "model_unknown"
        case .failure(.modelForbidden): "model_forbidden"
        case .failure(.priceMissing): "price_missing"
        case .failure(.rateLimited): "rate_limited"
        case .failure(.tooManyPending): "too_many_pending"
        case .failure(.quotaExceeded): "quota_exceeded"
        case .failure(.creditsInsufficient): "credits_insufficient"
        }
    }

    /// The task, where there is one.
    public var taskID: TaskID? { (try? outcome.get())?.id }
}
