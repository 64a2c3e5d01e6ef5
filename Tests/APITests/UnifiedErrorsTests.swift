import Domain
import Foundation
import HTTPTypes
import Hummingbird
import JobLife
import Testing

@testable import API

// apis.md 3.3: each failure's status is its code, and each has its type.
@Suite struct UnifiedErrorsTests {
    private static let table: [(kind: APIError.Kind, status: Int, type: String)] = [
        (.invalidRequest, 400, "invalid_request_error"), (.unauthenticated, 401, "authentication_error"),
        (.insufficientCredits, 402, "insufficient_quota_error"), (.forbidden, 403, "permission_error"),
        (.notFound, 404, "not_found_error"), (.tooLate, 409, "invalid_request_error"), (.gone, 410, "not_found_error"),
        (.tooLarge, 413, "request_too_large_error"), (.conflict, 422, "invalid_request_error"),
        (.tooMany, 429, "rate_limit_error"), (.internalError, 500, "internal_server_error"),
        (.unavailable, 503, "service_unavailable_error"),
    ]

    @Test func eachKindHasItsStatusAndItsType() {
        for (kind, status, type) in Self.table {
            let error = APIError(kind: kind, message: "so", param: "p", suggestion: "do", retryAfterSeconds: 3)
            #expect(error.status.code == status)
            #expect(
                UnifiedErrors.json(error, requestID: "r").text
                    == #"{"error":{"code":\#(status),"message":"so","type":"\#(type)","param":"p","#
                    + #""fallback_suggestion":"do","request_id":"r"}}"#)
            let response = UnifiedErrors.response(error, requestID: "r")
            #expect(response.status.code == status && response.headers[.retryAfter] == "3")
            #expect((response.headers[.wwwAuthenticate] == "Bearer") == (status == 401))
        }
    }

    @Test func tooManyWaitersAreToldToComeBack() throws {
        let error = try #require(APIError(TaskWatch.Refusal.tooManyWaiters))
        #expect(error.status.code == 503 && error.retryAfterSeconds == 5)
    }
}
