WITH "t14" AS (
  SELECT
    "t13"."w" AS "w",
    CAST(0 AS Nullable(Int32)) AS "level",
    "t13"."a_s0" AS "m0",
    "t13"."a_s1" AS "m1",
    "t13"."a_u2" AS "m2",
    CASE
      WHEN "t13"."a_n3" > 0
      THEN "t13"."a_s3" / nullIf("t13"."a_n3", 0.0)
      ELSE CAST(NULL AS Nullable(Float64))
    END AS "m3",
    "t13"."a_s0" AS "traffic"
  FROM (
    SELECT
      "t12"."w" AS "w",
      SUM("t12"."s0") AS "a_s0",
      SUM("t12"."s1") AS "a_s1",
      CAST(uniqExact("t12"."u2") AS Nullable(Float64)) AS "a_u2",
      SUM("t12"."s3") AS "a_s3",
      SUM("t12"."n3") AS "a_n3"
    FROM (
      SELECT
        "t11"."s0" AS "s0",
        "t11"."s1" AS "s1",
        "t11"."u2" AS "u2",
        "t11"."s3" AS "s3",
        "t11"."n3" AS "n3",
        "t11"."sec" AS "sec",
        "t11"."relative" AS "relative",
        CAST(CAST(FLOOR((
          "t11"."relative"
        ) / (
          3600
        )) AS Nullable(Int64)) AS Nullable(Int32)) AS "w"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t9"."s0" AS "s0",
            "t9"."s1" AS "s1",
            "t9"."u2" AS "u2",
            "t9"."s3" AS "s3",
            "t9"."n3" AS "n3",
            "t9"."sec" AS "sec",
            "t9"."sec" - 1711753200 AS "relative"
          FROM (
            SELECT
              "t8"."unusable" AS "unusable",
              "t8"."negative" AS "negative",
              "t8"."s0" AS "s0",
              "t8"."s1" AS "s1",
              "t8"."u2" AS "u2",
              "t8"."s3" AS "s3",
              "t8"."n3" AS "n3",
              "t8"."sec" AS "sec",
              isNull("t8"."t") AS "blank"
            FROM (
              SELECT
                "t7"."t" AS "t",
                "t7"."unusable" AS "unusable",
                "t7"."negative" AS "negative",
                "t7"."s0" AS "s0",
                "t7"."s1" AS "s1",
                "t7"."u2" AS "u2",
                "t7"."s3" AS "s3",
                "t7"."n3" AS "n3",
                "t7"."t_stripped" AS "t_stripped",
                "t7"."t_text" AS "t_text",
                "t7"."t_n" AS "t_n",
                "t7"."t_has_second" AS "t_has_second",
                "t7"."t_zulu" AS "t_zulu",
                "t7"."t_hours" AS "t_hours",
                "t7"."t_compact" AS "t_compact",
                "t7"."t_colon" AS "t_colon",
                "t7"."t_year" AS "t_year",
                "t7"."t_month" AS "t_month",
                "t7"."t_day" AS "t_day",
                "t7"."t_hour" AS "t_hour",
                "t7"."t_minute" AS "t_minute",
                "t7"."t_second" AS "t_second",
                "t7"."t_has_offset" AS "t_has_offset",
                "t7"."t_sign" AS "t_sign",
                "t7"."t_offset_hour" AS "t_offset_hour",
                "t7"."t_offset_minute" AS "t_offset_minute",
                "t7"."t_exists" AS "t_exists",
                "t7"."t_march_year" AS "t_march_year",
                "t7"."t_march_month" AS "t_march_month",
                "t7"."t_local" AS "t_local",
                CASE
                  WHEN "t7"."t_zulu"
                  THEN "t7"."t_local"
                  WHEN "t7"."t_has_offset"
                  THEN "t7"."t_local" - (
                    "t7"."t_sign" * (
                      (
                        "t7"."t_offset_hour" * 3600
                      ) + (
                        "t7"."t_offset_minute" * 60
                      )
                    )
                  )
                  ELSE "t7"."t_local" - CASE WHEN "t7"."t_local" < 1711854000 THEN 3600 ELSE 7200 END
                END AS "sec"
              FROM (
                SELECT
                  "t6"."t" AS "t",
                  "t6"."unusable" AS "unusable",
                  "t6"."negative" AS "negative",
                  "t6"."s0" AS "s0",
                  "t6"."s1" AS "s1",
                  "t6"."u2" AS "u2",
                  "t6"."s3" AS "s3",
                  "t6"."n3" AS "n3",
                  "t6"."t_stripped" AS "t_stripped",
                  "t6"."t_text" AS "t_text",
                  "t6"."t_n" AS "t_n",
                  "t6"."t_has_second" AS "t_has_second",
                  "t6"."t_zulu" AS "t_zulu",
                  "t6"."t_hours" AS "t_hours",
                  "t6"."t_compact" AS "t_compact",
                  "t6"."t_colon" AS "t_colon",
                  "t6"."t_year" AS "t_year",
                  "t6"."t_month" AS "t_month",
                  "t6"."t_day" AS "t_day",
                  "t6"."t_hour" AS "t_hour",
                  "t6"."t_minute" AS "t_minute",
                  "t6"."t_second" AS "t_second",
                  "t6"."t_has_offset" AS "t_has_offset",
                  "t6"."t_sign" AS "t_sign",
                  "t6"."t_offset_hour" AS "t_offset_hour",
                  "t6"."t_offset_minute" AS "t_offset_minute",
                  "t6"."t_exists" AS "t_exists",
                  "t6"."t_march_year" AS "t_march_year",
                  "t6"."t_march_month" AS "t_march_month",
                  CASE
                    WHEN "t6"."t_exists"
                    THEN (
                      (
                        (
                          (
                            "t6"."t_march_year" * 365
                          ) + (
                            (
                              CAST(FLOOR((
                                "t6"."t_march_year"
                              ) / (
                                4
                              )) AS Nullable(Int64)) - CAST(FLOOR((
                                "t6"."t_march_year"
                              ) / (
                                100
                              )) AS Nullable(Int64))
                            ) + CAST(FLOOR((
                              "t6"."t_march_year"
                            ) / (
                              400
                            )) AS Nullable(Int64))
                          ) + CAST(FLOOR((
                            (
                              "t6"."t_march_month" * 153
                            ) + 2
                          ) / (
                            5
                          )) AS Nullable(Int64)) + "t6"."t_day"
                        ) - 719469
                      ) * 86400
                    ) + (
                      "t6"."t_hour" * 3600
                    ) + (
                      "t6"."t_minute" * 60
                    ) + "t6"."t_second"
                    ELSE CAST(NULL AS Nullable(Int64))
                  END AS "t_local"
                FROM (
                  SELECT
                    "t5"."t" AS "t",
                    "t5"."unusable" AS "unusable",
                    "t5"."negative" AS "negative",
                    "t5"."s0" AS "s0",
                    "t5"."s1" AS "s1",
                    "t5"."u2" AS "u2",
                    "t5"."s3" AS "s3",
                    "t5"."n3" AS "n3",
                    "t5"."t_stripped" AS "t_stripped",
                    "t5"."t_text" AS "t_text",
                    "t5"."t_n" AS "t_n",
                    "t5"."t_has_second" AS "t_has_second",
                    "t5"."t_zulu" AS "t_zulu",
                    "t5"."t_hours" AS "t_hours",
                    "t5"."t_compact" AS "t_compact",
                    "t5"."t_colon" AS "t_colon",
                    "t5"."t_year" AS "t_year",
                    "t5"."t_month" AS "t_month",
                    "t5"."t_day" AS "t_day",
                    "t5"."t_hour" AS "t_hour",
                    "t5"."t_minute" AS "t_minute",
                    "t5"."t_second" AS "t_second",
                    "t5"."t_has_offset" AS "t_has_offset",
                    "t5"."t_sign" AS "t_sign",
                    "t5"."t_offset_hour" AS "t_offset_hour",
                    "t5"."t_offset_minute" AS "t_offset_minute",
                    "t5"."t_day" BETWEEN 1 AND CASE
                      WHEN "t5"."t_month" IN (4, 6, 9, 11)
                      THEN 30
                      WHEN "t5"."t_month" = 2
                      THEN CASE
                        WHEN (
                          (
                            (
                              "t5"."t_year" % 4
                            ) = 0
                          )
                          AND (
                            (
                              "t5"."t_year" % 100
                            ) <> 0
                          )
                        )
                        OR (
                          (
                            "t5"."t_year" % 400
                          ) = 0
                        )
                        THEN 29
                        ELSE 28
                      END
                      WHEN "t5"."t_month" BETWEEN 1 AND 12
                      THEN 31
                      ELSE 0
                    END
                    AND "t5"."t_year" BETWEEN 1900 AND 2199
                    AND (
                      "t5"."t_hour" <= 23
                    )
                    AND (
                      "t5"."t_minute" <= 59
                    )
                    AND (
                      "t5"."t_second" <= 59
                    ) AS "t_exists",
                    CASE WHEN "t5"."t_month" > 2 THEN "t5"."t_year" ELSE "t5"."t_year" - 1 END AS "t_march_year",
                    CASE WHEN "t5"."t_month" > 2 THEN "t5"."t_month" - 3 ELSE "t5"."t_month" + 9 END AS "t_march_month"
                  FROM (
                    SELECT
                      "t4"."t" AS "t",
                      "t4"."unusable" AS "unusable",
                      "t4"."negative" AS "negative",
                      "t4"."s0" AS "s0",
                      "t4"."s1" AS "s1",
                      "t4"."u2" AS "u2",
                      "t4"."s3" AS "s3",
                      "t4"."n3" AS "n3",
                      "t4"."t_stripped" AS "t_stripped",
                      "t4"."t_text" AS "t_text",
                      "t4"."t_n" AS "t_n",
                      "t4"."t_has_second" AS "t_has_second",
                      "t4"."t_zulu" AS "t_zulu",
                      "t4"."t_hours" AS "t_hours",
                      "t4"."t_compact" AS "t_compact",
                      "t4"."t_colon" AS "t_colon",
                      CAST(SUBSTRING(
                        "t4"."t_text",
                        CASE WHEN (
                          0 + 1
                        ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t4"."t_text") END,
                        4
                      ) AS Nullable(Int64)) AS "t_year",
                      CAST(SUBSTRING(
                        "t4"."t_text",
                        CASE WHEN (
                          5 + 1
                        ) >= 1 THEN 5 + 1 ELSE 5 + 1 + LENGTH("t4"."t_text") END,
                        2
                      ) AS Nullable(Int64)) AS "t_month",
                      CAST(SUBSTRING(
                        "t4"."t_text",
                        CASE WHEN (
                          8 + 1
                        ) >= 1 THEN 8 + 1 ELSE 8 + 1 + LENGTH("t4"."t_text") END,
                        2
                      ) AS Nullable(Int64)) AS "t_day",
                      CAST(CASE
                        WHEN "t4"."t_n" >= 16
                        THEN SUBSTRING(
                          "t4"."t_text",
                          CASE WHEN (
                            11 + 1
                          ) >= 1 THEN 11 + 1 ELSE 11 + 1 + LENGTH("t4"."t_text") END,
                          2
                        )
                        ELSE '0'
                      END AS Nullable(Int64)) AS "t_hour",
                      CAST(CASE
                        WHEN "t4"."t_n" >= 16
                        THEN SUBSTRING(
                          "t4"."t_text",
                          CASE WHEN (
                            14 + 1
                          ) >= 1 THEN 14 + 1 ELSE 14 + 1 + LENGTH("t4"."t_text") END,
                          2
                        )
                        ELSE '0'
                      END AS Nullable(Int64)) AS "t_minute",
                      CAST(CASE
                        WHEN "t4"."t_has_second"
                        THEN SUBSTRING(
                          "t4"."t_text",
                          CASE WHEN (
                            17 + 1
                          ) >= 1 THEN 17 + 1 ELSE 17 + 1 + LENGTH("t4"."t_text") END,
                          2
                        )
                        ELSE '0'
                      END AS Nullable(Int64)) AS "t_second",
                      "t4"."t_hours" OR "t4"."t_compact" OR "t4"."t_colon" AS "t_has_offset",
                      CASE
                        WHEN (
                          "t4"."t_hours" OR "t4"."t_compact" OR "t4"."t_colon"
                        )
                        AND (
                          SUBSTRING(
                            "t4"."t_text",
                            CASE
                              WHEN (
                                (
                                  "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                                ) + 1
                              ) >= 1
                              THEN (
                                "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                              ) + 1
                              ELSE (
                                "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                              ) + 1 + LENGTH("t4"."t_text")
                            END,
                            1
                          ) = '-'
                        )
                        THEN -1
                        ELSE 1
                      END AS "t_sign",
                      CAST(CASE
                        WHEN "t4"."t_hours" OR "t4"."t_compact" OR "t4"."t_colon"
                        THEN SUBSTRING(
                          "t4"."t_text",
                          CASE
                            WHEN (
                              (
                                "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                              ) + 1 + 1
                            ) >= 1
                            THEN (
                              "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                            ) + 1 + 1
                            ELSE (
                              "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                            ) + 1 + 1 + LENGTH("t4"."t_text")
                          END,
                          2
                        )
                        ELSE '0'
                      END AS Nullable(Int64)) AS "t_offset_hour",
                      CAST(CASE
                        WHEN "t4"."t_colon" OR "t4"."t_compact"
                        THEN SUBSTRING(
                          "t4"."t_text",
                          CASE
                            WHEN (
                              (
                                "t4"."t_n" - 2
                              ) + 1
                            ) >= 1
                            THEN (
                              "t4"."t_n" - 2
                            ) + 1
                            ELSE (
                              "t4"."t_n" - 2
                            ) + 1 + LENGTH("t4"."t_text")
                          END,
                          2
                        )
                        ELSE '0'
                      END AS Nullable(Int64)) AS "t_offset_minute"
                    FROM (
                      SELECT
                        "t3"."t" AS "t",
                        "t3"."unusable" AS "unusable",
                        "t3"."negative" AS "negative",
                        "t3"."s0" AS "s0",
                        "t3"."s1" AS "s1",
                        "t3"."u2" AS "u2",
                        "t3"."s3" AS "s3",
                        "t3"."n3" AS "n3",
                        "t3"."t_stripped" AS "t_stripped",
                        "t3"."t_text" AS "t_text",
                        LENGTH("t3"."t_text") AS "t_n",
                        match("t3"."t_text", '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9][0-9]:[0-9][0-9]:') AS "t_has_second",
                        match("t3"."t_text", '[Zz]$') AS "t_zulu",
                        match(
                          "t3"."t_text",
                          '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?[+-][0-9][0-9]$'
                        ) AS "t_hours",
                        match(
                          "t3"."t_text",
                          '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?[+-][0-9][0-9][0-9][0-9]$'
                        ) AS "t_compact",
                        match(
                          "t3"."t_text",
                          '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?[+-][0-9][0-9]:[0-9][0-9]$'
                        ) AS "t_colon"
                      FROM (
                        SELECT
                          "t2"."t" AS "t",
                          "t2"."unusable" AS "unusable",
                          "t2"."negative" AS "negative",
                          "t2"."s0" AS "s0",
                          "t2"."s1" AS "s1",
                          "t2"."u2" AS "u2",
                          "t2"."s3" AS "s3",
                          "t2"."n3" AS "n3",
                          "t2"."t_stripped" AS "t_stripped",
                          CASE
                            WHEN match(
                              "t2"."t_stripped",
                              '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$'
                            )
                            THEN "t2"."t_stripped"
                            ELSE CAST(NULL AS Nullable(String))
                          END AS "t_text"
                        FROM (
                          SELECT
                            "t1"."t" AS "t",
                            "t1"."unusable" AS "unusable",
                            "t1"."negative" AS "negative",
                            "t1"."s0" AS "s0",
                            "t1"."s1" AS "s1",
                            "t1"."u2" AS "u2",
                            "t1"."s3" AS "s3",
                            "t1"."n3" AS "n3",
                            TRIM(BOTH ' \t\n\r\v\f' FROM "t1"."t") AS "t_stripped"
                          FROM (
                            SELECT
                              "t0"."stamp" AS "t",
                              COALESCE(
                                FALSE
                                OR COALESCE(ABS(CAST("t0"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                                OR (
                                  COALESCE(ABS("t0"."revenue") >= 1e+300, FALSE)
                                  OR COALESCE(isNaN("t0"."revenue"), FALSE)
                                ),
                                FALSE
                              ) AS "unusable",
                              COALESCE(
                                FALSE
                                OR (
                                  CASE
                                    WHEN isNotNull("t0"."views")
                                    AND NOT (
                                      COALESCE(ABS(CAST("t0"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                                    )
                                    THEN CAST("t0"."views" AS Nullable(Float64))
                                    ELSE 0.0
                                  END < 0
                                )
                                OR (
                                  CASE
                                    WHEN isNotNull("t0"."revenue")
                                    AND NOT (
                                      COALESCE(ABS("t0"."revenue") >= 1e+300, FALSE)
                                      OR COALESCE(isNaN("t0"."revenue"), FALSE)
                                    )
                                    THEN "t0"."revenue"
                                    ELSE 0.0
                                  END < 0
                                ),
                                FALSE
                              ) AS "negative",
                              CASE
                                WHEN isNotNull("t0"."views")
                                AND NOT (
                                  COALESCE(ABS(CAST("t0"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                                )
                                THEN CAST("t0"."views" AS Nullable(Float64))
                                ELSE 0.0
                              END AS "s0",
                              CASE WHEN COALESCE("t0"."event" = 'click', FALSE) THEN 1.0 ELSE 0.0 END AS "s1",
                              "t0"."user" AS "u2",
                              CASE
                                WHEN isNotNull("t0"."revenue")
                                AND NOT (
                                  COALESCE(ABS("t0"."revenue") >= 1e+300, FALSE)
                                  OR COALESCE(isNaN("t0"."revenue"), FALSE)
                                )
                                THEN "t0"."revenue"
                                ELSE 0.0
                              END AS "s3",
                              CASE
                                WHEN isNotNull("t0"."revenue")
                                AND NOT (
                                  COALESCE(ABS("t0"."revenue") >= 1e+300, FALSE)
                                  OR COALESCE(isNaN("t0"."revenue"), FALSE)
                                )
                                THEN 1.0
                                ELSE 0.0
                              END AS "n3"
                            FROM "events" AS "t0"
                          ) AS "t1"
                        ) AS "t2"
                      ) AS "t3"
                    ) AS "t4"
                  ) AS "t5"
                ) AS "t6"
              ) AS "t7"
            ) AS "t8"
          ) AS "t9"
        ) AS "t10"
        WHERE
          "t10"."relative" BETWEEN 0 AND 14399 AND "t10"."sec" <= 1715385600
      ) AS "t11"
    ) AS "t12"
    GROUP BY
      "t12"."w"
  ) AS "t13"
), "t19" AS (
  SELECT
    "t18"."level" AS "level",
    "t18"."traffic" AS "traffic",
    "t18"."below" AS "below",
    "t18"."below_total" AS "below_total",
    (
      ROW_NUMBER() OVER (
        ORDER BY "t18"."below_total" ASC, "t18"."below" ASC, "t18"."traffic" DESC, "t18"."level" ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) - 1
    ) + 1 AS "slice"
  FROM (
    SELECT
      "t17"."level" AS "level",
      "t17"."traffic" AS "traffic",
      CASE
        WHEN NOT (
          "t17"."level" = 0
        ) AND (
          "t17"."traffic" < 10.0
        )
        THEN 1
        ELSE 0
      END AS "below",
      CASE WHEN "t17"."level" = 0 THEN 0 ELSE 1 END AS "below_total"
    FROM (
      SELECT
        "t15"."level" AS "level",
        SUM("t15"."traffic") AS "traffic"
      FROM "t14" AS "t15"
      GROUP BY
        "t15"."level"
    ) AS "t17"
  ) AS "t18"
), "t21" AS (
  SELECT
    *
  FROM "t19" AS "t20"
  WHERE
    "t20"."below" = 0 AND "t20"."slice" <= 1000
)
SELECT
  *
FROM (
  SELECT
    CAST(NULL AS Nullable(Int64)) AS "slice",
    CAST(NULL AS Nullable(Int32)) AS "w",
    CAST(NULL AS Nullable(Float64)) AS "traffic",
    CAST(NULL AS Nullable(Float64)) AS "m0",
    CAST(NULL AS Nullable(Float64)) AS "m1",
    CAST(NULL AS Nullable(Float64)) AS "m2",
    CAST(NULL AS Nullable(Float64)) AS "m3",
    "t25"."n_floor" AS "n_floor",
    "t25"."n_cap" AS "n_cap",
    "t25"."t_floor" AS "t_floor",
    "t25"."t_cap" AS "t_cap",
    "t25"."t_all" AS "t_all"
  FROM (
    SELECT
      SUM(CASE WHEN "t20"."below" = 1 THEN 1.0 ELSE 0.0 END) AS "n_floor",
      SUM(
        CASE
          WHEN (
            "t20"."below" = 0
          ) AND (
            "t20"."slice" > 1000
          )
          THEN 1.0
          ELSE 0.0
        END
      ) AS "n_cap",
      SUM(CASE WHEN "t20"."below" = 1 THEN ABS("t20"."traffic") ELSE 0.0 END) AS "t_floor",
      SUM(
        CASE
          WHEN (
            "t20"."below" = 0
          ) AND (
            "t20"."slice" > 1000
          )
          THEN ABS("t20"."traffic")
          ELSE 0.0
        END
      ) AS "t_cap",
      SUM(ABS("t20"."traffic")) AS "t_all"
    FROM "t19" AS "t20"
  ) AS "t25"
) AS "t27"
UNION ALL
SELECT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t22"."slice" AS "slice",
      CAST(NULL AS Nullable(Int32)) AS "w",
      "t22"."traffic" AS "traffic",
      CAST(NULL AS Nullable(Float64)) AS "m0",
      CAST(NULL AS Nullable(Float64)) AS "m1",
      CAST(NULL AS Nullable(Float64)) AS "m2",
      CAST(NULL AS Nullable(Float64)) AS "m3",
      CAST(NULL AS Nullable(Float64)) AS "n_floor",
      CAST(NULL AS Nullable(Float64)) AS "n_cap",
      CAST(NULL AS Nullable(Float64)) AS "t_floor",
      CAST(NULL AS Nullable(Float64)) AS "t_cap",
      CAST(NULL AS Nullable(Float64)) AS "t_all"
    FROM "t21" AS "t22"
  ) AS "t23"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t26"."slice" AS "slice",
      "t16"."w" AS "w",
      CAST(NULL AS Nullable(Float64)) AS "traffic",
      "t16"."m0" AS "m0",
      "t16"."m1" AS "m1",
      "t16"."m2" AS "m2",
      "t16"."m3" AS "m3",
      CAST(NULL AS Nullable(Float64)) AS "n_floor",
      CAST(NULL AS Nullable(Float64)) AS "n_cap",
      CAST(NULL AS Nullable(Float64)) AS "t_floor",
      CAST(NULL AS Nullable(Float64)) AS "t_cap",
      CAST(NULL AS Nullable(Float64)) AS "t_all"
    FROM "t14" AS "t16"
    INNER JOIN (
      SELECT
        "t22"."slice" AS "slice",
        "t22"."level" AS "r_level"
      FROM "t21" AS "t22"
    ) AS "t26"
      ON "t16"."level" = "t26"."r_level"
  ) AS "t28"
) AS "t29"
