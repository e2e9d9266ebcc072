WITH "t11" AS (
  SELECT
    "t10"."w" AS "w",
    CAST(0 + (
      CAST("t10"."g0" AS Nullable(Int32)) * 1
    ) + (
      CAST("t10"."g1" AS Nullable(Int32)) * 2
    ) + (
      CAST("t10"."g2" AS Nullable(Int32)) * 4
    ) AS Nullable(Int32)) AS "level",
    CASE WHEN "t10"."g0" = 1 THEN '' ELSE "t10"."d0" END AS "k0",
    CASE WHEN "t10"."g1" = 1 THEN '' ELSE "t10"."d1" END AS "k1",
    CASE WHEN "t10"."g2" = 1 THEN '' ELSE "t10"."d2" END AS "k2",
    "t10"."a_s0" AS "m0",
    "t10"."a_s1" AS "m1",
    "t10"."a_u2" AS "m2",
    CASE
      WHEN "t10"."a_n3" > 0
      THEN "t10"."a_s3" / nullIf("t10"."a_n3", 0.0)
      ELSE CAST(NULL AS Nullable(Float64))
    END AS "m3",
    "t10"."a_s0" AS "traffic"
  FROM (
    SELECT
      "t9"."w" AS "w",
      "t9"."d0" AS "d0",
      "t9"."d1" AS "d1",
      "t9"."d2" AS "d2",
      GROUPING("t9"."d0") AS "g0",
      GROUPING("t9"."d1") AS "g1",
      GROUPING("t9"."d2") AS "g2",
      SUM("t9"."s0") AS "a_s0",
      SUM("t9"."s1") AS "a_s1",
      CAST(uniqExact("t9"."u2") AS Nullable(Float64)) AS "a_u2",
      SUM("t9"."s3") AS "a_s3",
      SUM("t9"."n3") AS "a_n3"
    FROM (
      SELECT
        "t8"."d0" AS "d0",
        "t8"."d1" AS "d1",
        "t8"."d2" AS "d2",
        "t8"."s0" AS "s0",
        "t8"."s1" AS "s1",
        "t8"."u2" AS "u2",
        "t8"."s3" AS "s3",
        "t8"."n3" AS "n3",
        "t8"."sec" AS "sec",
        "t8"."relative" AS "relative",
        CAST(CAST(FLOOR((
          "t8"."relative"
        ) / (
          86400
        )) AS Nullable(Int64)) AS Nullable(Int32)) AS "w"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t6"."d0" AS "d0",
            "t6"."d1" AS "d1",
            "t6"."d2" AS "d2",
            "t6"."s0" AS "s0",
            "t6"."s1" AS "s1",
            "t6"."u2" AS "u2",
            "t6"."s3" AS "s3",
            "t6"."n3" AS "n3",
            "t6"."sec" AS "sec",
            (
              "t6"."sec" + CASE WHEN "t6"."sec" < 1711846800 THEN 3600 ELSE 7200 END
            ) - 1711756800 AS "relative"
          FROM (
            SELECT
              "t5"."unusable" AS "unusable",
              "t5"."negative" AS "negative",
              "t5"."d0" AS "d0",
              "t5"."d1" AS "d1",
              "t5"."d2" AS "d2",
              "t5"."s0" AS "s0",
              "t5"."s1" AS "s1",
              "t5"."u2" AS "u2",
              "t5"."s3" AS "s3",
              "t5"."n3" AS "n3",
              "t5"."sec" AS "sec",
              isNull("t5"."t") AS "blank"
            FROM (
              SELECT
                "t4"."t" AS "t",
                "t4"."unusable" AS "unusable",
                "t4"."negative" AS "negative",
                "t4"."d0" AS "d0",
                "t4"."d1" AS "d1",
                "t4"."d2" AS "d2",
                "t4"."s0" AS "s0",
                "t4"."s1" AS "s1",
                "t4"."u2" AS "u2",
                "t4"."s3" AS "s3",
                "t4"."n3" AS "n3",
                "t4"."t_seconds" AS "t_seconds",
                "t4"."t_local" AS "t_local",
                "t4"."t_local" AS "sec"
              FROM (
                SELECT
                  "t3"."t" AS "t",
                  "t3"."unusable" AS "unusable",
                  "t3"."negative" AS "negative",
                  "t3"."d0" AS "d0",
                  "t3"."d1" AS "d1",
                  "t3"."d2" AS "d2",
                  "t3"."s0" AS "s0",
                  "t3"."s1" AS "s1",
                  "t3"."u2" AS "u2",
                  "t3"."s3" AS "s3",
                  "t3"."n3" AS "n3",
                  "t3"."t_seconds" AS "t_seconds",
                  CAST(CASE
                    WHEN (
                      "t3"."t_seconds" >= -2208988800
                    ) AND (
                      "t3"."t_seconds" < 7258118400
                    )
                    THEN "t3"."t_seconds"
                    ELSE CAST(NULL AS Nullable(Float64))
                  END AS Nullable(Int64)) AS "t_local"
                FROM (
                  SELECT
                    "t2"."t" AS "t",
                    "t2"."unusable" AS "unusable",
                    "t2"."negative" AS "negative",
                    "t2"."d0" AS "d0",
                    "t2"."d1" AS "d1",
                    "t2"."d2" AS "d2",
                    "t2"."s0" AS "s0",
                    "t2"."s1" AS "s1",
                    "t2"."u2" AS "u2",
                    "t2"."s3" AS "s3",
                    "t2"."n3" AS "n3",
                    CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t2"."t", 0))) AS Nullable(Float64)) AS "t_seconds"
                  FROM (
                    SELECT
                      "t1"."ts" AS "t",
                      COALESCE(
                        FALSE
                        OR COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                        OR (
                          COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                          OR COALESCE(isNaN("t1"."revenue"), FALSE)
                        ),
                        FALSE
                      ) AS "unusable",
                      COALESCE(
                        FALSE
                        OR (
                          CASE
                            WHEN isNotNull("t1"."views")
                            AND NOT (
                              COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                            )
                            THEN CAST("t1"."views" AS Nullable(Float64))
                            ELSE 0.0
                          END < 0
                        )
                        OR (
                          CASE
                            WHEN isNotNull("t1"."revenue")
                            AND NOT (
                              COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                              OR COALESCE(isNaN("t1"."revenue"), FALSE)
                            )
                            THEN "t1"."revenue"
                            ELSE 0.0
                          END < 0
                        ),
                        FALSE
                      ) AS "negative",
                      COALESCE("t1"."country", '(missing)') AS "d0",
                      COALESCE(CAST("t1"."install" AS Nullable(String)), '(missing)') AS "d1",
                      COALESCE(
                        CASE
                          WHEN "t1"."select"
                          THEN 'true'
                          ELSE CASE
                            WHEN isNotNull("t1"."select")
                            THEN 'false'
                            ELSE CAST(NULL AS Nullable(String))
                          END
                        END,
                        '(missing)'
                      ) AS "d2",
                      CASE
                        WHEN isNotNull("t1"."views")
                        AND NOT (
                          COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                        )
                        THEN CAST("t1"."views" AS Nullable(Float64))
                        ELSE 0.0
                      END AS "s0",
                      CASE WHEN COALESCE("t1"."event" = 'click', FALSE) THEN 1.0 ELSE 0.0 END AS "s1",
                      "t1"."user" AS "u2",
                      CASE
                        WHEN isNotNull("t1"."revenue")
                        AND NOT (
                          COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                          OR COALESCE(isNaN("t1"."revenue"), FALSE)
                        )
                        THEN "t1"."revenue"
                        ELSE 0.0
                      END AS "s3",
                      CASE
                        WHEN isNotNull("t1"."revenue")
                        AND NOT (
                          COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                          OR COALESCE(isNaN("t1"."revenue"), FALSE)
                        )
                        THEN 1.0
                        ELSE 0.0
                      END AS "n3"
                    FROM (
                      SELECT
                        *
                      FROM "events" AS "t0"
                      WHERE
                        "t0"."ts" >= parseDateTimeBestEffort('2024-03-29T23:00:00+00:00', 'UTC')
                        AND "t0"."ts" < parseDateTimeBestEffort('2024-04-02T22:00:00+00:00', 'UTC')
                    ) AS "t1"
                  ) AS "t2"
                ) AS "t3"
              ) AS "t4"
            ) AS "t5"
          ) AS "t6"
        ) AS "t7"
        WHERE
          "t7"."relative" BETWEEN 0 AND 345599 AND "t7"."sec" <= 1715385600
      ) AS "t8"
    ) AS "t9"
    GROUP BY
      GROUPING SETS (
        ("t9"."w"),
        ("t9"."w", "t9"."d0"),
        ("t9"."w", "t9"."d1"),
        ("t9"."w", "t9"."d2"),
        ("t9"."w", "t9"."d0", "t9"."d1"),
        ("t9"."w", "t9"."d0", "t9"."d2"),
        ("t9"."w", "t9"."d1", "t9"."d2")
      )
  ) AS "t10"
), "t16" AS (
  SELECT
    "t15"."level" AS "level",
    "t15"."k0" AS "k0",
    "t15"."k1" AS "k1",
    "t15"."k2" AS "k2",
    "t15"."traffic" AS "traffic",
    "t15"."below" AS "below",
    "t15"."below_total" AS "below_total",
    (
      ROW_NUMBER() OVER (
        ORDER BY "t15"."below_total" ASC, "t15"."below" ASC, "t15"."traffic" DESC, "t15"."level" ASC, "t15"."k0" ASC, "t15"."k1" ASC, "t15"."k2" ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) - 1
    ) + 1 AS "slice"
  FROM (
    SELECT
      "t14"."level" AS "level",
      "t14"."k0" AS "k0",
      "t14"."k1" AS "k1",
      "t14"."k2" AS "k2",
      "t14"."traffic" AS "traffic",
      CASE
        WHEN NOT (
          "t14"."level" = 7
        ) AND (
          "t14"."traffic" < 10.0
        )
        THEN 1
        ELSE 0
      END AS "below",
      CASE WHEN "t14"."level" = 7 THEN 0 ELSE 1 END AS "below_total"
    FROM (
      SELECT
        "t12"."level" AS "level",
        "t12"."k0" AS "k0",
        "t12"."k1" AS "k1",
        "t12"."k2" AS "k2",
        SUM("t12"."traffic") AS "traffic"
      FROM "t11" AS "t12"
      GROUP BY
        "t12"."level",
        "t12"."k0",
        "t12"."k1",
        "t12"."k2"
    ) AS "t14"
  ) AS "t15"
), "t18" AS (
  SELECT
    *
  FROM "t16" AS "t17"
  WHERE
    "t17"."below" = 0 AND "t17"."slice" <= 1000
)
SELECT
  *
FROM (
  SELECT
    CAST(NULL AS Nullable(Int64)) AS "slice",
    CAST(NULL AS Nullable(Int32)) AS "w",
    CAST(NULL AS Nullable(Float64)) AS "traffic",
    CAST(NULL AS Nullable(String)) AS "k0",
    CAST(NULL AS Nullable(String)) AS "k1",
    CAST(NULL AS Nullable(String)) AS "k2",
    CAST(NULL AS Nullable(Float64)) AS "m0",
    CAST(NULL AS Nullable(Float64)) AS "m1",
    CAST(NULL AS Nullable(Float64)) AS "m2",
    CAST(NULL AS Nullable(Float64)) AS "m3",
    "t21"."n_floor" AS "n_floor",
    "t21"."n_cap" AS "n_cap",
    "t21"."t_floor" AS "t_floor",
    "t21"."t_cap" AS "t_cap",
    "t21"."t_all" AS "t_all"
  FROM (
    SELECT
      SUM(CASE WHEN "t17"."below" = 1 THEN 1.0 ELSE 0.0 END) AS "n_floor",
      SUM(
        CASE
          WHEN (
            "t17"."below" = 0
          ) AND (
            "t17"."slice" > 1000
          )
          THEN 1.0
          ELSE 0.0
        END
      ) AS "n_cap",
      SUM(CASE WHEN "t17"."below" = 1 THEN ABS("t17"."traffic") ELSE 0.0 END) AS "t_floor",
      SUM(
        CASE
          WHEN (
            "t17"."below" = 0
          ) AND (
            "t17"."slice" > 1000
          )
          THEN ABS("t17"."traffic")
          ELSE 0.0
        END
      ) AS "t_cap",
      SUM(ABS("t17"."traffic")) AS "t_all"
    FROM "t16" AS "t17"
  ) AS "t21"
) AS "t23"
UNION ALL
SELECT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t19"."slice" AS "slice",
      CAST(NULL AS Nullable(Int32)) AS "w",
      "t19"."traffic" AS "traffic",
      CASE
        WHEN (
          CAST(FLOOR((
            "t19"."level"
          ) / (
            1
          )) AS Nullable(Int64)) % 2
        ) = 1
        THEN CAST(NULL AS Nullable(String))
        ELSE "t19"."k0"
      END AS "k0",
      CASE
        WHEN (
          CAST(FLOOR((
            "t19"."level"
          ) / (
            2
          )) AS Nullable(Int64)) % 2
        ) = 1
        THEN CAST(NULL AS Nullable(String))
        ELSE "t19"."k1"
      END AS "k1",
      CASE
        WHEN (
          CAST(FLOOR((
            "t19"."level"
          ) / (
            4
          )) AS Nullable(Int64)) % 2
        ) = 1
        THEN CAST(NULL AS Nullable(String))
        ELSE "t19"."k2"
      END AS "k2",
      CAST(NULL AS Nullable(Float64)) AS "m0",
      CAST(NULL AS Nullable(Float64)) AS "m1",
      CAST(NULL AS Nullable(Float64)) AS "m2",
      CAST(NULL AS Nullable(Float64)) AS "m3",
      CAST(NULL AS Nullable(Float64)) AS "n_floor",
      CAST(NULL AS Nullable(Float64)) AS "n_cap",
      CAST(NULL AS Nullable(Float64)) AS "t_floor",
      CAST(NULL AS Nullable(Float64)) AS "t_cap",
      CAST(NULL AS Nullable(Float64)) AS "t_all"
    FROM "t18" AS "t19"
  ) AS "t24"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t22"."slice" AS "slice",
      "t13"."w" AS "w",
      CAST(NULL AS Nullable(Float64)) AS "traffic",
      CAST(NULL AS Nullable(String)) AS "k0",
      CAST(NULL AS Nullable(String)) AS "k1",
      CAST(NULL AS Nullable(String)) AS "k2",
      "t13"."m0" AS "m0",
      "t13"."m1" AS "m1",
      "t13"."m2" AS "m2",
      "t13"."m3" AS "m3",
      CAST(NULL AS Nullable(Float64)) AS "n_floor",
      CAST(NULL AS Nullable(Float64)) AS "n_cap",
      CAST(NULL AS Nullable(Float64)) AS "t_floor",
      CAST(NULL AS Nullable(Float64)) AS "t_cap",
      CAST(NULL AS Nullable(Float64)) AS "t_all"
    FROM "t11" AS "t13"
    INNER JOIN (
      SELECT
        "t19"."slice" AS "slice",
        "t19"."level" AS "r_level",
        "t19"."k0" AS "r_k0",
        "t19"."k1" AS "r_k1",
        "t19"."k2" AS "r_k2"
      FROM "t18" AS "t19"
    ) AS "t22"
      ON "t13"."level" = "t22"."r_level"
      AND "t13"."k0" = "t22"."r_k0"
      AND "t13"."k1" = "t22"."r_k1"
      AND "t13"."k2" = "t22"."r_k2"
  ) AS "t25"
) AS "t26"
